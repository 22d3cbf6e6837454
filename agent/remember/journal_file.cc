#include "agent/remember/journal_file.h"

#include "agent/remember/sqlite_file.h"
#include "agent/remember/sqlite_write.h"

namespace stswatch {

tl::expected<std::map<std::string, std::string>, std::string> read_journal(const std::string& file,
                                                                           const std::string& table) {
  auto db = sql::open_for_reading(file);
  if (!db) return tl::make_unexpected(db.error());
  std::map<std::string, std::string> rows;
  (*db)->each(
      "SELECT key, text FROM journal WHERE name = ?",
      [&](const sql::Statement& row) { rows[std::string(row.text(0))] = row.text(1); }, table);
  if (auto settled = (*db)->settle(); !settled)
    return tl::make_unexpected(sql::explain(file, settled.error()));
  return rows;
}

tl::expected<void, std::string> edit_journal(const std::string& file, const std::vector<JournalEdit>& edits) {
  // Understood before it is written to.
  if (auto store = sql::open_for_reading(file); !store) return tl::make_unexpected(store.error());
  auto db = sql::Database::open(file, sql::Database::Access::read_write);
  if (!db) return tl::make_unexpected(sql::explain(file, db.error()));
  Batch batch;
  batch.edits = edits;
  const auto done = (*db)->transaction([&] { sql::write(**db, batch); });
  if (!done) return tl::make_unexpected(sql::explain(file, done.error()));
  return {};
}

}  // namespace stswatch
