// Tables into records. Nothing in the file is trusted: what cannot be read is told with its place.
#pragma once

#include <set>

#include "agent/remember/backing.h"
#include "agent/remember/sqlite.h"

namespace stswatch::sql {

/// All, or (with `domains`) what belongs to these and their MX hosts. Says "the policies of example.com:
/// mode: ..." of a value that cannot be, and nothing of what the database itself complains of.
tl::expected<EverythingStored, std::string> read_all(Database& db, const std::set<std::string>* domains);

tl::expected<std::vector<StoredTransition>, std::string> read_transitions(Database& db, std::int64_t after,
                                                                          std::int64_t before,
                                                                          std::size_t limit);

}  // namespace stswatch::sql
