// Looks in files: one a domain, named by it, each whole or not there at all. Safe to use from many threads.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "agent/remember/saved_look.h"

namespace stswatch {

/// Makes the folder and those above it. The error says what is wrong with it; `of_what` it is to hold.
tl::expected<void, std::string> make_folder(const std::string& folder, std::string_view of_what);

/// Writes FOLDER/DOMAIN.json, and replaces it if it is there.
tl::expected<void, std::string> save_look(const std::string& folder, const SavedLook& look);

/// The error begins with the file's name.
tl::expected<SavedLook, std::string> load_look(const std::string& file);

}  // namespace stswatch
