BUILD = build
.PHONY: rv64 unit
rv64:
	@cmake --preset rv64 --log-level=WARNING >/dev/null && cmake --build --preset rv64
unit:
	@cmake --preset host --log-level=WARNING >/dev/null && cmake --build --preset host && ctest --preset host
