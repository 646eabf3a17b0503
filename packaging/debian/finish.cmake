# What Debian wants of a package besides what is installed: run by cpack between installing and packing. The folder of each
# component is CPACK_TEMPORARY_INSTALL_DIRECTORY/COMPONENT.
string(TIMESTAMP now "%a, %d %b %Y %H:%M:%S +0000" UTC)  # That of SOURCE_DATE_EPOCH, where it is set.
foreach(pair IN ITEMS runtime:${CPACK_ONEHOP_LIBRARY_PACKAGE} development:libonehop-dev tools:onehop)
  string(REPLACE ":" ";" pair ${pair})
  list(GET pair 0 component)
  list(GET pair 1 package)
  set(root ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/${component})
  set(documents ${root}/usr/share/doc/${package})
  file(MAKE_DIRECTORY ${documents})
  file(COPY_FILE ${CMAKE_CURRENT_LIST_DIR}/copyright ${documents}/copyright)
  file(COPY_FILE ${CPACK_ONEHOP_SOURCES}/CHANGELOG.md ${documents}/changelog)
  file(WRITE ${documents}/changelog.Debian "onehop (${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) unstable; urgency=medium

  * What is new in this version is in changelog.gz.

 -- ${CPACK_PACKAGE_CONTACT}  ${now}
")
  # Debug information is of use with the sources only, and says where they were. Symbols of static libraries stay.
  file(GLOB archives ${root}/usr/lib/*.a ${root}/usr/lib/*/*.a)
  if(archives)
    execute_process(COMMAND strip --strip-debug --enable-deterministic-archives ${archives} COMMAND_ERROR_IS_FATAL ANY)
  endif()
  file(GLOB pages ${root}/usr/share/man/man1/*.1)
  execute_process(COMMAND gzip -9 --no-name ${documents}/changelog ${documents}/changelog.Debian ${pages} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
file(MAKE_DIRECTORY ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/tools/etc/onehop)
file(COPY_FILE ${CPACK_ONEHOP_SOURCES}/deploy/config/onehopd.toml ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/tools/etc/onehop/onehopd.toml)
