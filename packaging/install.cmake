# What `cmake --install` puts where. Components: runtime, the shared libraries; development, what compiling and linking need;
# tools, the programs.
include(CMakePackageConfigHelpers)
set(cmake_folder ${CMAKE_INSTALL_LIBDIR}/cmake/onehop)
set(module_folder ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
# The installed tree can be moved: everything in it is found from where the file lies that asks for it.
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX}/${module_folder}
           OUTPUT_VARIABLE prefix_from_here)

set(module_of_PkgConfig::uv libuv)
set(module_of_PkgConfig::sodium libsodium)
set(module_of_PkgConfig::tomlplusplus tomlplusplus)
set(module_of_OpenSSL::SSL libssl)
set(module_of_OpenSSL::Crypto libcrypto)
set(module_of_protobuf::libprotobuf-lite protobuf-lite)
set(module_of_absl::flat_hash_map absl_flat_hash_map)
set(module_of_absl::flat_hash_set absl_flat_hash_set)
set(module_of_Threads::Threads "")  # Needs -pthread only.

# onehop_install_library(NAME DESCRIPTION)
function(onehop_install_library name description)
  foreach(kind static shared)
    install(TARGETS onehop_${name}_${kind} EXPORT onehop-${name}-${kind}
      ARCHIVE COMPONENT development
      LIBRARY COMPONENT runtime NAMELINK_COMPONENT development)
    install(EXPORT onehop-${name}-${kind} NAMESPACE onehop:: DESTINATION ${cmake_folder} COMPONENT development)
  endforeach()
  foreach(folder IN LISTS headers_of_${name})
    install(DIRECTORY ${folder}/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development FILES_MATCHING PATTERN *.h)
  endforeach()

  set(modules "")
  foreach(other IN LISTS others_of_${name})
    if(NOT DEFINED module_of_${other})
      message(FATAL_ERROR "packaging/install.cmake: ${other} is linked by onehop::${name}; what is its module of pkg-config?")
    endif()
    list(APPEND modules ${module_of_${other}})
  endforeach()
  list(JOIN modules " " modules)
  set(file ${file_of_${name}})
  # Who links programs of C with the static library has no linker that adds the one of C++ by itself.
  set(private_libs -pthread)
  if(name STREQUAL "c")
    string(PREPEND private_libs "-lstdc++ ")
  endif()
  set(needs "")
  if(below_of_${name})
    set(needs onehop-${below_of_${name}})
  endif()
  configure_file(onehop.pc.in ${file}.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${file}.pc DESTINATION ${module_folder} COMPONENT development)
endfunction()

onehop_install_library(broker "the broker, for programs that run it inside")
onehop_install_library(client "the client library")
onehop_install_library(c "the client library for C")
if(ONEHOP_BUILD_IDENTITY)
  onehop_install_library(identity "TLS, users, tokens and permissions for the broker, for programs that run it inside")
endif()

configure_package_config_file(onehop-config.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/onehop-config.cmake
  INSTALL_DESTINATION ${cmake_folder} NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
# Before 1.0 a minor version may break programs that are compiled with another.
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/onehop-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/onehop-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/onehop-config-version.cmake
  DESTINATION ${cmake_folder} COMPONENT development)

if(ONEHOP_BUILD_PROGRAMS)
  install(TARGETS onehopd onehop onehop-loadgen RUNTIME COMPONENT tools)
  install(FILES ${man_pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT tools)
  install(FILES ${PROJECT_SOURCE_DIR}/deploy/config/onehopd.toml DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples COMPONENT tools)
  # The unit starts the program that is installed beside it. It is made in a folder of its own, because packages may be made at
  # the same time.
  install(CODE "
    file(READ \"${PROJECT_SOURCE_DIR}/deploy/systemd/onehopd.service\" unit)
    string(REPLACE /usr/local/ \"\${CMAKE_INSTALL_PREFIX}/\" unit \"\${unit}\")
    string(RANDOM LENGTH 12 id)
    set(made \"${CMAKE_CURRENT_BINARY_DIR}/unit-\${id}\")
    file(WRITE \"\${made}/onehopd.service\" \"\${unit}\")
    file(INSTALL \"\${made}/onehopd.service\" DESTINATION \"\${CMAKE_INSTALL_PREFIX}/lib/systemd/system\")
    file(REMOVE_RECURSE \"\${made}\")"
    COMPONENT tools)
endif()
