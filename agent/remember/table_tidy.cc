// What retention drops, a bounded piece at a time.
#include "agent/remember/table_records.h"

namespace stswatch::sql {
namespace {

constexpr int kTidyRows = 2000;  // in one transaction

template <class... Args>
std::int64_t count_gone(Tables& db, std::string_view statement, const Args&... args) {
  std::int64_t gone = 0;
  db.each(
      statement, [&](const Statement&) { ++gone; }, args...);
  return gone;
}

}  // namespace

std::int64_t drop_old(Tables& db, const std::string& looks, const std::string& history) {
  return count_gone(
             db,
             "DELETE FROM looks WHERE (subject_id, role, number) IN (SELECT subject_id, role, number FROM "
             "looks WHERE role = 'changed' AND at < ? LIMIT ?) RETURNING 1",
             looks, kTidyRows) +
         count_gone(
             db,
             "DELETE FROM changes WHERE id IN (SELECT id FROM changes WHERE at < ? ORDER BY at LIMIT ?) "
             "RETURNING 1",
             history, kTidyRows) +
         count_gone(
             db,
             "DELETE FROM transitions WHERE id IN (SELECT id FROM transitions WHERE at < ? ORDER BY at "
             "LIMIT ?) RETURNING 1",
             history, kTidyRows);
}

std::int64_t drop_oldest(Tables& db) {
  auto gone = count_gone(
      db,
      "DELETE FROM looks WHERE (subject_id, role, number) IN (SELECT subject_id, role, number FROM "
      "looks WHERE role = 'changed' ORDER BY at LIMIT ?) RETURNING 1",
      kTidyRows);
  if (gone == 0)
    gone = count_gone(
        db,
        "DELETE FROM transitions WHERE id IN (SELECT id FROM transitions ORDER BY at LIMIT ?) RETURNING 1",
        kTidyRows);
  if (gone == 0)
    gone = count_gone(
        db, "DELETE FROM changes WHERE id IN (SELECT id FROM changes ORDER BY at LIMIT ?) RETURNING 1",
        kTidyRows);
  return gone;
}

void drop_facts(Tables& db) {
  db.run(
      "DELETE FROM facts WHERE id IN (SELECT f.id FROM facts f WHERE NOT EXISTS "
      "(SELECT 1 FROM looks l WHERE l.facts_id = f.id))");
}

}  // namespace stswatch::sql
