// The tables of TLS reports in the store's file. They have a version of their own: the store's tables and
// these change at different times.
#pragma once

#include "agent/remember/sqlite.h"

namespace stswatch::reports {

/// Takes the steps that are missing, in one transaction.
tl::expected<void, sql::Trouble> bring_up_to_date(sql::Database& db);

}  // namespace stswatch::reports
