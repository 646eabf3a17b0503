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

add_library(onehop_options INTERFACE)
target_compile_options(onehop_options INTERFACE -Wall -Wextra -Wconversion -Wshadow)
if(ONEHOP_WERROR)
  target_compile_options(onehop_options INTERFACE -Werror)
endif()

# A layer's headers are included as "layer/header.h". The include root holds a link to that one folder only, so that a
# file can include a layer only if its target links the layer: a wrong include does not build.
function(onehop_include_root target layer folder)
  set(root ${CMAKE_BINARY_DIR}/include_roots/${layer})
  file(MAKE_DIRECTORY ${root})
  file(CREATE_LINK ${folder} ${root}/${layer} SYMBOLIC)
  target_include_directories(${target} PUBLIC ${root})
endfunction()

# A layer: a static library of the sources in this folder.
function(onehop_layer target layer)
  add_library(${target} STATIC ${ARGN})
  target_link_libraries(${target} PRIVATE onehop_options)
  onehop_include_root(${target} ${layer} ${CMAKE_CURRENT_SOURCE_DIR})
endfunction()
