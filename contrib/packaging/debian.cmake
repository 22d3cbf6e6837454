# Run by CPack between installing and packing: what a Debian package has besides. Times are those of SOURCE_DATE_EPOCH, if it
# is set, so that one source gives one package.
set(root ${CPACK_TEMPORARY_DIRECTORY})
set(packaging ${CPACK_STSWATCH_CONTRIB}/packaging)
set(doc ${root}/usr/share/doc/stswatch)

# Debian 12 looks for units below /lib.
file(MAKE_DIRECTORY ${root}/lib/systemd)
file(RENAME ${root}/usr/lib/systemd/system ${root}/lib/systemd/system)
file(REMOVE_RECURSE ${root}/usr/lib/systemd)
file(MAKE_DIRECTORY ${root}/etc/stswatch)
file(COPY_FILE ${packaging}/stswatch.toml ${root}/etc/stswatch/stswatch.toml)  # INSTALL would heed CPack's DESTDIR

file(COPY_FILE ${packaging}/debian/copyright ${doc}/copyright)
string(TIMESTAMP today "%a, %d %b %Y %H:%M:%S +0000" UTC)
file(WRITE ${doc}/changelog.Debian "stswatch (${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) bookworm; urgency=medium

  * Built from the source of that version: its changes are in changelog.gz.

 -- ${CPACK_PACKAGE_CONTACT}  ${today}
")
file(COPY_FILE ${CPACK_STSWATCH_CONTRIB}/CHANGELOG.md ${doc}/changelog)
file(GLOB pages ${root}/usr/share/man/*/*)
execute_process(COMMAND gzip -9nf ${doc}/changelog.Debian ${doc}/changelog ${pages} COMMAND_ERROR_IS_FATAL ANY)

# What it is made of, by those packages that were there when it was.
execute_process(COMMAND ${packaging}/sbom ${root}/usr/bin/stswatch ${CPACK_PACKAGE_VERSION} OUTPUT_FILE ${doc}/sbom.cdx.json
                COMMAND_ERROR_IS_FATAL ANY)

execute_process(COMMAND chmod -R u=rwX,go=rX ${root} COMMAND_ERROR_IS_FATAL ANY)
if(DEFINED ENV{SOURCE_DATE_EPOCH})
  execute_process(COMMAND find ${root} -exec touch -h -d @$ENV{SOURCE_DATE_EPOCH} {} + COMMAND_ERROR_IS_FATAL ANY)
endif()
