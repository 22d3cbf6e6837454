// Values that more than one section of the file holds. Used by config/sections*.cc only.
#pragma once

#include <string>
#include <string_view>

#include "config/reader.h"

namespace stswatch::sections {

/// What is wrong with it; "" when nothing is.
std::string complain_of_url(const std::string& text);
/// A file that holds a secret; one that is not there is complained of by whoever reads it.
std::string complain_of_secret_file(const std::string& path, bool shared);

/// A glob of names, in the form that names have here; says why it is none, or can fit no name; "" when it
/// can.
std::string read_name_glob(const std::string& text, std::string& into);

void read_url(TableReader& r, std::string_view key, std::string& into);
void read_secret_file(TableReader& r, std::string_view key, std::string& into, bool shared);

}  // namespace stswatch::sections
