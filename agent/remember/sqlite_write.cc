#include "agent/remember/sqlite_write.h"

#include <nlohmann/json.hpp>

#include "agent/remember/packed.h"
#include "agent/remember/saved_memory.h"
#include "agent/remember/sqlite_rows.h"

namespace stswatch::sql {
namespace {

constexpr std::size_t kChangedLooks = 100;     // of one subject
constexpr std::size_t kLookOctets = 1U << 20;  // of its changed looks, as they are packed
constexpr std::size_t kChanges = 1000;         // as many as a record holds

std::string_view octets_of(const FactsKey& key) {
  return {reinterpret_cast<const char*>(key.data()), key.size()};
}

/// `place`: one number in a list that has an order of its own, none in a history.
template <class T, class... Place>
void write_row(Database& db, std::int64_t subject, const T& row, Place... place) {
  static const std::string insert = [] {
    const auto& columns = columns_of<T>();
    const bool in_place = sizeof...(Place) > 0;
    return std::string("INSERT INTO ") + kTable<T> + (in_place ? " (subject_id, place, " : " (subject_id, ") +
           columns.text + (in_place ? ") VALUES (?, ?, " : ") VALUES (?, ") + columns.marks + ")";
  }();
  db.run_bound(insert, [&](Statement& statement) {
    statement.bind(subject);
    (statement.bind(place), ...);
    RowWriter writer(statement);
    saved::describe(writer, row);
  });
}

/// The list as it is now, in the place of the one that was there.
template <class T>
void replace(Database& db, std::int64_t subject, const std::vector<T>& rows) {
  static const std::string clear = std::string("DELETE FROM ") + kTable<T> + " WHERE subject_id = ?";
  db.run(clear, subject);
  for (std::size_t place = 0; place < rows.size(); ++place)
    write_row(db, subject, rows[place], place);
}

class SubjectWriter {
 public:
  SubjectWriter(Database& db, const News& news) : db_(db), news_(news), id_(news.subject) {}

  void write() {
    std::visit([&](const auto& record) { put(*record); }, news_.record);
    for (const auto& change : news_.changes)
      write_row(db_, id_, change);
    if (!news_.changes.empty()) forget_changes();
    for (const auto& look : news_.looks)
      put(look);
    if (!news_.looks.empty()) forget_looks();
    for (const auto& transition : news_.transitions)
      put(transition);
  }

 private:
  void put(const DomainMemory& record) {
    put_subject("domain", record.known->domain.str(), record.known->at, state_of(record));
    const auto& past = record.past;
    if (news_.pieces & kPolicies) replace(db_, id_, past.policies);
    if (news_.pieces & kIds) replace(db_, id_, past.ids);
    if (news_.pieces & kMxHosts) replace(db_, id_, past.mx);
    if (news_.pieces & kCertificates) replace(db_, id_, past.policy_host_certificates);
    if (news_.pieces & kIncidents) replace(db_, id_, record.incidents);
  }

  void put(const MxMemory& record) {
    put_subject("mx", record.known->host, record.known->at, state_of(record));
    if (news_.pieces & kCertificates) replace(db_, id_, record.past->certificates);
  }

  void put_subject(const char* kind, const std::string& name, TimePoint at,
                   const nlohmann::ordered_json& state) {
    db_.run(
        "INSERT INTO subjects (id, kind, name, last_look, state) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (id) DO UPDATE SET last_look = excluded.last_look, state = excluded.state",
        id_, kind, name, to_utc(at), state.dump());
    for (std::size_t role = 0; role < kSingleRoles; ++role)
      if (const auto& look = news_.kept[role])
        db_.run("UPDATE looks SET at = ?1 WHERE subject_id = ?2 AND role = ?3 AND at <> ?1", to_utc(look->at),
                id_, to_string(static_cast<Role>(role)));
  }

  void put(const NewLook& look) {
    const Blob key{octets_of(look.kept.key)};
    std::optional<std::int64_t> facts;
    db_.each(
        "SELECT id FROM facts WHERE subject_id = ? AND key = ?",
        [&](const Statement& row) { facts = row.integer(0); }, id_, key);
    if (!facts) {
      const auto packed = std::visit([](const auto& l) { return pack(to_json(*l).dump()); }, look.facts);
      db_.each(
          "INSERT INTO facts (subject_id, key, look) VALUES (?, ?, ?) RETURNING id",
          [&](const Statement& row) { facts = row.integer(0); }, id_, key, Blob{packed});
    }
    const std::int64_t number = look.role == Role::changed ? look.kept.at.time_since_epoch().count() : 0;
    db_.run("INSERT OR REPLACE INTO looks (subject_id, role, number, at, facts_id) VALUES (?, ?, ?, ?, ?)",
            id_, to_string(look.role), number, to_utc(look.kept.at), facts.value_or(0));
  }

  /// Those beyond the bound, and facts that no look has any more.
  void forget_looks() {
    db_.run(
        "DELETE FROM looks WHERE subject_id = ?1 AND role = 'changed' AND number < (SELECT number FROM looks "
        "WHERE subject_id = ?1 AND role = 'changed' ORDER BY number DESC LIMIT 1 OFFSET ?2)",
        id_, kChangedLooks - 1);
    db_.run(
        "DELETE FROM looks WHERE subject_id = ?1 AND role = 'changed' AND number IN (SELECT number FROM "
        "(SELECT l.number, sum(length(f.look)) OVER (ORDER BY l.number DESC) AS octets FROM looks l JOIN "
        "facts f "
        "ON f.id = l.facts_id WHERE l.subject_id = ?1 AND l.role = 'changed') WHERE octets > ?2)",
        id_, kLookOctets);
    db_.run(
        "DELETE FROM facts WHERE subject_id = ?1 AND id NOT IN "
        "(SELECT facts_id FROM looks WHERE subject_id = ?1)",
        id_);
  }

  void forget_changes() {
    db_.run(
        "DELETE FROM changes WHERE subject_id = ?1 AND id <= (SELECT id FROM changes WHERE subject_id = ?1 "
        "ORDER BY id DESC LIMIT 1 OFFSET ?2)",
        id_, kChanges);
  }

  void put(const StoredTransition& t) {
    const auto& finding = t.transition.incident.finding;
    db_.run(
        "INSERT INTO transitions (id, at, domain, kind, code, subject, severity, incident) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        t.id, to_utc(t.at), t.domain, stswatch::to_string(t.transition.kind), finding.code, finding.subject,
        stswatch::to_string(finding.severity), to_json(t.transition.incident).dump());
  }

  Database& db_;
  const News& news_;
  const std::int64_t id_;
};

}  // namespace

void write(Database& db, const Batch& batch) {
  for (const auto id : batch.dropped)
    db.run("DELETE FROM subjects WHERE id = ?", id);
  for (const auto& news : batch.news)
    if (db.ok()) SubjectWriter(db, news).write();
  for (const auto& edit : batch.edits) {
    if (edit.text)
      db.run("INSERT OR REPLACE INTO journal (name, key, text) VALUES (?, ?, ?)", edit.table, edit.key,
             *edit.text);
    else
      db.run("DELETE FROM journal WHERE name = ? AND key = ?", edit.table, edit.key);
  }
}

}  // namespace stswatch::sql
