# Writes html_parts.cc: a constant for each of the FILES in FOLDER, in the array that loadgen/report/html.h declares, in the
# same order. Run as a script at build time; needs nothing but CMake.
set(text "// Made by embed_text.cmake.\n#include \"loadgen/report/html.h\"\n\nnamespace onehop::loadgen {\n\n")
string(APPEND text "const PageParts kPageParts = {\n")
foreach(name IN LISTS FILES)
  file(READ ${FOLDER}/${name} content)
  string(APPEND text "R\"embedded(${content})embedded\",\n")
endforeach()
string(APPEND text "};\n\n}  // namespace onehop::loadgen\n")
file(WRITE ${OUTPUT} "${text}")
