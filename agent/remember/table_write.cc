// Records into tables.
#include <nlohmann/json.hpp>

#include "agent/remember/past.h"
#include "agent/remember/table_records.h"

namespace stswatch::sql {
namespace {

constexpr std::size_t kChangedLooks = 100;     // of one subject
constexpr std::size_t kLookOctets = 1U << 20;  // of its changed looks, as they are packed

std::string_view octets_of(const FactsHash& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

/// `place`: one number in a list that has an order of its own, none in a history.
template <class T, class... Place>
void write_row(Tables& db, std::int64_t subject, const T& row, Place... place) {
  static const std::string insert = [] {
    const auto& columns = columns_of<T>();
    const bool in_place = sizeof...(Place) > 0;
    return std::string("INSERT INTO ") + kTable<T> + (in_place ? " (subject_id, place, " : " (subject_id, ") +
           columns.text + (in_place ? ") VALUES (?, ?, " : ") VALUES (?, ") + columns.marks +
           (in_place ? ")" : ") ON CONFLICT DO NOTHING");  // a batch of which nobody knows whether it arrived
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
void replace(Tables& db, std::int64_t subject, const std::vector<T>& rows) {
  static const std::string clear = std::string("DELETE FROM ") + kTable<T> + " WHERE subject_id = ?";
  db.run(clear, subject);
  for (std::size_t place = 0; place < rows.size(); ++place)
    write_row(db, subject, rows[place], place);
}

class SubjectWriter {
 public:
  SubjectWriter(Tables& db, const PendingWrite& write) : db_(db), write_(write), id_(write.subject) {}

  void write() {
    std::visit([&](const auto& record) { put(*record); }, write_.record);
    for (const auto& change : write_.changes)
      write_row(db_, id_, change);
    if (!write_.changes.empty()) forget_changes();
    for (const auto& look : write_.looks)
      put(look);
    if (!write_.looks.empty()) forget_looks();
    for (const auto& transition : write_.transitions)
      put(transition);
  }

 private:
  void put(const DomainMemory& record) {
    put_subject("domain", record.known->domain.str(), record);
    const auto& past = record.past;
    if (write_.sections & kPolicies) replace(db_, id_, past.policies);
    if (write_.sections & kIds) replace(db_, id_, past.ids);
    if (write_.sections & kMxHosts) replace(db_, id_, past.mx);
    if (write_.sections & kCertificates) replace(db_, id_, past.policy_host_certificates);
    if (write_.sections & kIncidents) replace(db_, id_, record.incidents);
  }

  void put(const MxMemory& record) {
    put_subject("mx", record.known->host, record);
    if (write_.sections & kCertificates) replace(db_, id_, record.past->certificates);
  }

  template <class Record>
  void put_subject(const char* kind, const std::string& name, const Record& record) {
    if (write_.sections & kState)
      db_.run(
          "INSERT INTO subjects (id, kind, name, state) VALUES (?, ?, ?, ?) "
          "ON CONFLICT (id) DO UPDATE SET state = excluded.state",
          id_, kind, name, state_of(record).dump());
    if (!(write_.sections & kMoments) && !owes_moments()) return;
    LookTimesByRole looks;
    for (std::size_t role = 0; role < kSingleRoles; ++role)
      if (const auto& look = write_.kept[role])
        looks.emplace(stswatch::to_string(static_cast<Role>(role)), look->at);
    const auto moments = compress(moments_of(record, looks).dump());
    db_.run(
        "INSERT INTO moments (subject_id, moments) VALUES (?, ?) ON CONFLICT (subject_id) DO UPDATE SET "
        "moments = excluded.moments",
        id_, Blob{moments});
  }

  /// A state of an older version held the moments: with the first that is written anew they move.
  bool owes_moments() {
    bool there = false;
    if (write_.sections & kState)
      db_.each(
          "SELECT 1 FROM moments WHERE subject_id = ?", [&](const Statement&) { there = true; }, id_);
    return (write_.sections & kState) && !there;
  }

  void put(const NewLook& look) {
    const Blob hash{octets_of(look.kept.hash)};
    std::optional<std::int64_t> facts;
    db_.each(
        "SELECT id FROM facts WHERE subject_id = ? AND key = ?",
        [&](const Statement& row) { facts = row.integer(0); }, id_, hash);
    if (!facts) {
      const auto text = std::visit([](const auto& l) { return compress(to_json(*l).dump()); }, look.facts);
      db_.each(
          "INSERT INTO facts (subject_id, key, look) VALUES (?, ?, ?) RETURNING id",
          [&](const Statement& row) { facts = row.integer(0); }, id_, hash, Blob{text});
    }
    const std::int64_t number = look.role == Role::changed ? look.kept.at.time_since_epoch().count() : 0;
    db_.run(
        "INSERT INTO looks (subject_id, role, number, at, facts_id) VALUES (?, ?, ?, ?, ?) ON CONFLICT "
        "(subject_id, role, number) DO UPDATE SET at = excluded.at, facts_id = excluded.facts_id",
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
        "ON f.id = l.facts_id WHERE l.subject_id = ?1 AND l.role = 'changed') AS packed WHERE octets > ?2)",
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
        id_, past_bounds::kChanges);
  }

  void put(const StoredTransition& t) {
    const auto& finding = t.transition.incident.finding;
    db_.run(
        "INSERT INTO transitions (at, domain, kind, code, subject, severity, incident) "
        "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        to_utc(t.at), t.domain, stswatch::to_string(t.transition.kind), finding.code, finding.subject,
        stswatch::to_string(finding.severity), to_json(t.transition.incident).dump());
  }

  Tables& db_;
  const PendingWrite& write_;
  const std::int64_t id_;
};

}  // namespace

void write(Tables& db, const Batch& batch) {
  for (const auto id : batch.dropped)
    db.run("DELETE FROM subjects WHERE id = ?", id);
  for (const auto& write : batch.writes)
    if (db.ok()) SubjectWriter(db, write).write();
  for (const auto& edit : batch.edits) {
    if (edit.text)
      db.run(
          "INSERT INTO journal (name, key, text) VALUES (?, ?, ?) ON CONFLICT (name, key) DO UPDATE SET text "
          "= "
          "excluded.text",
          edit.table, edit.key, *edit.text);
    else
      db.run("DELETE FROM journal WHERE name = ? AND key = ?", edit.table, edit.key);
  }
}

// What retention drops, a bounded piece at a time.

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
