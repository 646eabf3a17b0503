# Debian packages only; nothing is downloaded at build time. The table of docs/building.md says what each is for.

# The libraries.
find_package(Threads REQUIRED)
find_package(Protobuf REQUIRED)
find_package(absl REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(uv REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium)
find_package(OpenSSL 3.0 REQUIRED)

if(ONEHOP_BUILD_PROGRAMS OR ONEHOP_BUILD_IDENTITY)
  find_package(nlohmann_json REQUIRED)
  pkg_check_modules(tomlplusplus REQUIRED IMPORTED_TARGET tomlplusplus)
endif()

if(ONEHOP_BUILD_PROGRAMS)
  find_package(spdlog REQUIRED)
  find_package(CLI11 REQUIRED)
  # Its CMake package wants curl and civetweb even for the part used here.
  pkg_check_modules(prometheus REQUIRED IMPORTED_TARGET prometheus-cpp-core)
  pkg_check_modules(curl REQUIRED IMPORTED_TARGET libcurl)
  pkg_check_modules(systemd REQUIRED IMPORTED_TARGET libsystemd)
  # Debian has llhttp as the C sources that Node.js builds; here they are a library.
  find_path(LLHTTP_SOURCES llhttp.c PATHS /usr/share/llhttp REQUIRED)
  find_path(LLHTTP_INCLUDE llhttp.h PATHS /usr/share/include/llhttp REQUIRED)
  add_library(llhttp STATIC ${LLHTTP_SOURCES}/llhttp.c ${LLHTTP_SOURCES}/api.c ${LLHTTP_SOURCES}/http.c)
  set_target_properties(llhttp PROPERTIES UNITY_BUILD OFF)
  target_compile_options(llhttp PRIVATE -w)
  target_include_directories(llhttp SYSTEM PUBLIC ${LLHTTP_INCLUDE})
  # Two parsers in one file: this is the one that takes nothing which RFC 9112 does not let pass.
  target_compile_definitions(llhttp PRIVATE LLHTTP_STRICT_MODE=1)
endif()

if(ONEHOP_BUILD_TESTS)
  find_package(GTest REQUIRED)
  # Headers only.
  find_path(ASIO_INCLUDE asio.hpp REQUIRED)
  add_library(Asio::Asio INTERFACE IMPORTED)
  target_include_directories(Asio::Asio INTERFACE ${ASIO_INCLUDE})
  target_link_libraries(Asio::Asio INTERFACE Threads::Threads)
  pkg_check_modules(nats REQUIRED IMPORTED_TARGET libnats)
  find_package(benchmark REQUIRED)
endif()
