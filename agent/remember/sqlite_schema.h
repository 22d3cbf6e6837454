// The tables of the store, as steps from one version to the next.
#pragma once

#include <span>

#include "agent/remember/sqlite.h"

namespace stswatch::sql {

/// Step i brings version i to i + 1; never edit one that has been released, add the next.
std::span<const char* const> schema_steps();

enum class Schema {
  fresh,  // an empty file
  older,  // steps are to be taken
  current,
  newer,    // written by a later stswatch
  foreign,  // the database of another program
};
Schema schema_of(Database& db, std::span<const char* const> steps = schema_steps());

/// Takes the steps that are missing, in one transaction.
tl::expected<void, Trouble> migrate(Database& db, std::span<const char* const> steps = schema_steps());

}  // namespace stswatch::sql
