// Records into tables. Runs inside the caller's transaction; the database keeps what goes wrong.
#pragma once

#include "agent/remember/backing.h"
#include "agent/remember/sqlite.h"

namespace stswatch::sql {

void write(Database& db, const Batch& batch);

}  // namespace stswatch::sql
