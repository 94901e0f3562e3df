# SPDX-License-Identifier: Apache-2.0
# cmake -DOUT=x.h -DFILES=a.html;b.js -P embed.cmake: the files as C arrays named after them (a_html, a_html_size).
file(WRITE ${OUT}.new "/* Made from ${FILES} by cmake/embed.cmake. */\n#include <stddef.h>\n")
foreach(file ${FILES})
    get_filename_component(name ${file} NAME)
    string(MAKE_C_IDENTIFIER ${name} name)
    file(READ ${file} bytes HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
    file(APPEND ${OUT}.new "static const unsigned char ${name}[] = {${bytes}};\nstatic const size_t ${name}_size = sizeof ${name};\n")
endforeach()
file(RENAME ${OUT}.new ${OUT})
