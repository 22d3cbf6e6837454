// Second looks as rows of the database.
#include <algorithm>

#include "agent/remember/store_kinds.h"

namespace stswatch::pg {
namespace {

/// With the name and the incarnation, then the shard and its epoch.
constexpr const char* kFenced =
    " AND EXISTS (SELECT 1 FROM fleet_agents WHERE name = ? AND incarnation = ? AND alive_until > "
    "clock_timestamp()) AND EXISTS (SELECT 1 FROM fleet_shards WHERE shard = ? AND epoch = ?)";

FindingNames those_in(const FindingNames& some, const FindingNames& of) {
  FindingNames out;
  for (const auto& name : some)
    if (std::ranges::find(of, name) != of.end()) out.push_back(name);
  return out;
}

}  // namespace

SecondLooks SecondLookTable::read() {
  SecondLooks out;
  session_.each(
      "SELECT domain, epoch, asked_from, asked, floor(extract(epoch FROM clock_timestamp() - "
      "asked_at))::bigint, taken_by, CASE WHEN answered_at > asked_at THEN 0 ELSE 1 END, "
      "floor(extract(epoch FROM clock_timestamp() - answered_at))::bigint, answered_from, seen, not_seen "
      "FROM "
      "second_looks",
      [&](const sql::Statement& row) {
        SecondLook look{row.integer(1),          std::string(row.text(2)), findings_in(row.text(3)),
                        Seconds{row.integer(4)}, std::string(row.text(5)), row.integer(6) != 0};
        if (!row.null(7)) look.answered_ago = Seconds{row.integer(7)};
        look.answered_from = row.text(8);
        look.seen = findings_in(row.text(9));
        look.not_seen = findings_in(row.text(10));
        out[std::string(row.text(0))] = std::move(look);
      });
  return out;
}

/// What was answered of the same findings stands until it is answered anew.
void SecondLookTable::ask(const SecondLookAsked& asked, const SecondLook* before) {
  const SecondLook none;
  const auto& was = before != nullptr ? *before : none;
  session_.run(
      "INSERT INTO second_looks (domain, epoch, asked_from, asked) SELECT ?, epoch, ?, ? FROM fleet_shards "
      "WHERE shard = ? AND epoch = ? AND holder = ? FOR KEY SHARE ON CONFLICT (domain) DO UPDATE SET epoch = "
      "excluded.epoch, asked_from = excluded.asked_from, asked = excluded.asked, asked_at = "
      "clock_timestamp(), taken_by = '', seen = ?, not_seen = ?",
      asked.domain, me_.vantage, to_text(asked.findings), shard_of(asked.domain), asked.epoch, me_.name,
      to_text(those_in(was.seen, asked.findings)), to_text(those_in(was.not_seen, asked.findings)));
}

void SecondLookTable::drop(const std::string& domain, std::int64_t epoch) {
  session_.run(std::string("DELETE FROM second_looks WHERE domain = ?") + kFenced, domain, me_.name,
               me_.incarnation, shard_of(domain), epoch);
}

bool SecondLookTable::take(const SecondLookAsked& asked) {
  bool ours = false;
  session_.each(
      std::string("UPDATE second_looks SET taken_by = ? WHERE domain = ? AND epoch = ? AND taken_by = "
                  "''") +
          kFenced + " RETURNING 1",
      [&](const sql::Statement&) { ours = true; }, me_.name, asked.domain, asked.epoch, me_.name,
      me_.incarnation, shard_of(asked.domain), asked.epoch);
  return ours;
}

void SecondLookTable::answer(const SecondLookAnswer& answer) {
  const auto& asked = answer.asked;
  session_.run(
      std::string("UPDATE second_looks SET answered_at = clock_timestamp(), answered_from = ?, seen = ?, "
                  "not_seen = ? WHERE domain = ? AND epoch = ? AND taken_by = ?") +
          kFenced,
      me_.vantage, to_text(answer.seen), to_text(answer.not_seen), asked.domain, asked.epoch, me_.name,
      me_.name, me_.incarnation, shard_of(asked.domain), asked.epoch);
}

}  // namespace stswatch::pg
