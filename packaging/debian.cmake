# Debian packages of what is installed, by cpack (`./dev deb`): libonehop0 the shared libraries, libonehop-dev what compiling and
# linking need, onehop the programs. debian/finish.cmake puts in what Debian wants of a package besides.
set(library_package libonehop${PROJECT_VERSION_MAJOR})
math(EXPR next_minor "${PROJECT_VERSION_MINOR} + 1")
# Before 1.0 programs work with the minor version that they were linked with.
set(library_versions
  "${library_package} (>= ${PROJECT_VERSION}), ${library_package} (<< ${PROJECT_VERSION_MAJOR}.${next_minor}~)")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME onehop)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
# Who builds packages for others gives an address of theirs: cpack -D CPACK_PACKAGE_CONTACT=…
set(CPACK_PACKAGE_CONTACT "onehop maintainers <onehop@localhost>")
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/debian/finish.cmake)
set(CPACK_COMPONENTS_ALL runtime development tools)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SOURCE onehop)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(about "A broker for messages between named clients: each message takes one hop.\n\
Outcomes are told, queues are bounded, and sessions outlive their connections.\n")

configure_file(debian/shlibs.in debian/shlibs @ONLY)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME ${library_package})
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA
  ${CMAKE_CURRENT_BINARY_DIR}/debian/shlibs ${CMAKE_CURRENT_LIST_DIR}/debian/triggers)
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION "message broker, shared libraries\n${about}\n\
This package has the broker for programs that run it inside, and the\n\
client library.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libonehop-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
  "${library_package} (= ${PROJECT_VERSION}-1), libuv1-dev, libprotobuf-dev, libabsl-dev, libsodium-dev, libssl-dev")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION "message broker, development files\n${about}\n\
This package has the headers, the static libraries, and what CMake and\n\
pkg-config read.")

set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME onehop)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SECTION net)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_TOOLS_PACKAGE_CONTROL_EXTRA
  ${CMAKE_CURRENT_LIST_DIR}/debian/conffiles ${CMAKE_CURRENT_LIST_DIR}/debian/postinst
  ${CMAKE_CURRENT_LIST_DIR}/debian/prerm ${CMAKE_CURRENT_LIST_DIR}/debian/postrm)
set(CPACK_COMPONENT_TOOLS_DESCRIPTION "message broker, with its command line and its load generator\n${about}\n\
This package has the broker (onehopd) with a unit for systemd that is not\n\
enabled by itself, the command line (onehop) and the load generator\n\
(onehop-loadgen).")

# For debian/finish.cmake.
set(CPACK_ONEHOP_SOURCES ${PROJECT_SOURCE_DIR})
set(CPACK_ONEHOP_LIBRARY_PACKAGE ${library_package})
include(CPack)
