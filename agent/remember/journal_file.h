// The journal of a store from beside: read and edited while its service may be running.
#pragma once

#include <tl/expected.hpp>

#include "agent/remember/journal.h"

namespace stswatch {

/// The rows of a table, by key. The errors name the file and how to mend it.
tl::expected<std::map<std::string, std::string>, std::string> read_journal(const std::string& file,
                                                                           const std::string& table);
/// All of the edits, or none. The file must be a store already.
tl::expected<void, std::string> edit_journal(const std::string& file, const std::vector<JournalEdit>& edits);

}  // namespace stswatch
