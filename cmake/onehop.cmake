# How every target of the project is built: warnings, sanitizers, one include root for each layer.

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()

if(ONEHOP_SANITIZE STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(ONEHOP_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread)
  add_link_options(-fsanitize=thread)
elseif(NOT ONEHOP_SANITIZE STREQUAL "")
  message(FATAL_ERROR "ONEHOP_SANITIZE is '${ONEHOP_SANITIZE}': use address, thread or nothing")
endif()

# Parsing headers is most of what a compiler does here, so several source files of a target are compiled in one go. A wrong
# include can hide behind another file's then: the presets clang, which every check builds and lints, and dev compile each by
# itself.
option(ONEHOP_UNITY "Compile several source files of a target in one go" OFF)
if(ONEHOP_UNITY)
  set(CMAKE_UNITY_BUILD ON)
  set(CMAKE_UNITY_BUILD_BATCH_SIZE 8)
endif()

# Names in an unnamed namespace that another file of the target also has: onehop_compile_alone(FILES…).
function(onehop_compile_alone)
  set_source_files_properties(${ARGN} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()

# With clang++ only: most of the time to compile a file alone goes into headers of the standard library and GoogleTest.
option(ONEHOP_SYSTEM_PCH "Precompile cmake/system_headers.h; a missing #include of one of these is not found then" OFF)
if(ONEHOP_SYSTEM_PCH)
  string(TOUPPER "${CMAKE_BUILD_TYPE}" build_type)
  separate_arguments(flags UNIX_COMMAND
    "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${build_type}} -std=c++20 -fvisibility=hidden -fvisibility-inlines-hidden -DGTEST_HAS_PTHREAD=1")
  # One for libraries and one for programs, which are position independent in different ways.
  foreach(code PIC PIE)
    execute_process(
      COMMAND ${CMAKE_CXX_COMPILER} ${flags} -f${code} -x c++-header ${PROJECT_SOURCE_DIR}/cmake/system_headers.h
              -o ${CMAKE_BINARY_DIR}/system_headers.${code}.pch
      COMMAND_ERROR_IS_FATAL ANY)
  endforeach()
  set(code $<IF:$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>,PIE,PIC>)
  add_compile_options(
    "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-DGTEST_HAS_PTHREAD=1 -include-pch ${CMAKE_BINARY_DIR}/system_headers.${code}.pch>")
endif()

# A failed assertion names its file as the repository does: what is shipped tells nobody where it was built.
add_compile_options(-fmacro-prefix-map=${PROJECT_BINARY_DIR}/= -fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=)

# The mark of what shared libraries show, for every layer with public headers.
add_library(onehop_export INTERFACE)
target_include_directories(onehop_export INTERFACE ${PROJECT_SOURCE_DIR}/packaging/include)

add_library(onehop_options INTERFACE)
target_compile_options(onehop_options INTERFACE -Wall -Wextra -Wconversion -Wshadow)
# It warns of unnamed namespaces outside the file that the compiler was given, which here includes the others.
if(ONEHOP_UNITY AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(onehop_options INTERFACE -Wno-subobject-linkage)
endif()
if(ONEHOP_WERROR)
  target_compile_options(onehop_options INTERFACE -Werror)
endif()

# A layer's headers are included as "layer/header.h". The include root holds a link to that one folder only, so that a
# file can include a layer only if its target links the layer: a wrong include does not build. A layer may be a path, as
# loadgen/measure is: its folder in the root then holds that link alone.
function(onehop_include_root target layer folder)
  set(root ${PROJECT_BINARY_DIR}/include_roots/${layer})
  cmake_path(GET layer PARENT_PATH parent)
  file(MAKE_DIRECTORY ${root}/${parent})
  file(CREATE_LINK ${folder} ${root}/${layer} SYMBOLIC)
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "INTERFACE_LIBRARY")
    target_include_directories(${target} INTERFACE ${root})
  else()
    target_include_directories(${target} PUBLIC ${root})
  endif()
endfunction()

# A layer: a static library of the sources in this folder.
function(onehop_layer target layer)
  add_library(${target} STATIC ${ARGN})
  target_link_libraries(${target} PRIVATE onehop_options)
  onehop_include_root(${target} ${layer} ${CMAKE_CURRENT_SOURCE_DIR})
endfunction()

# Tests whose figures a busy machine spoils: onehop_test_measures(TESTS…). One other test at most runs beside each of them, and
# never another one that measures: `./dev test` runs two tests for each processor. They come first, when no other is waiting
# for room to end.
include(ProcessorCount)
ProcessorCount(processors)
function(onehop_test_measures)
  math(EXPR all_but_one "2 * ${processors} - 1")
  set_tests_properties(${ARGN} PROPERTIES PROCESSORS ${all_but_one} COST 1000)
endfunction()
