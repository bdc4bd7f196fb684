# The virtio layouts and constants come from linux-libc-dev, so that they are the ones every driver uses. Only the
# headers named here are staged into the build tree: the rest of /usr/include belongs to the host's libc and must not
# be seen by a freestanding build. <linux/types.h> is ours (linux-types/), since the original leads to host headers.
set(linux_headers virtio_blk.h virtio_config.h virtio_ids.h virtio_mmio.h virtio_net.h virtio_ring.h virtio_types.h if_ether.h)
set(linux_headers_from /usr/include/linux CACHE PATH "folder of linux-libc-dev's headers")
set(linux_headers_dir ${CMAKE_BINARY_DIR}/linux-headers)
foreach(header IN LISTS linux_headers)
	if(NOT EXISTS ${linux_headers_from}/${header})
		message(FATAL_ERROR
			"${linux_headers_from}/${header} is missing: the virtio drivers are built from the headers of linux-libc-dev.\n"
			"Install them with:  apt-get install -y linux-libc-dev\n"
			"or name their folder: cmake -Dlinux_headers_from=FOLDER ...")
	endif()
	configure_file(${linux_headers_from}/${header} ${linux_headers_dir}/linux/${header} COPYONLY)
endforeach()

# What every kernel source may include: <exos/x.h>, "kern/x.h", "arch/riscv/x.h", <linux/virtio_x.h>.
add_library(kernel_includes INTERFACE)
target_include_directories(kernel_includes INTERFACE ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR})
target_include_directories(kernel_includes SYSTEM INTERFACE ${CMAKE_SOURCE_DIR}/drivers/virtio/linux-types ${linux_headers_dir})
