#include "agent/remember/sqlite_read.h"

#include <nlohmann/json.hpp>

#include "agent/remember/packed.h"
#include "agent/remember/saved_memory.h"
#include "agent/remember/sqlite_rows.h"

namespace stswatch::sql {
namespace {

constexpr std::size_t kChanges = 1000;  // as many as a record holds

/// What the tables say of one subject, before it is a record.
struct Parts {
  std::string kind, name, state;
  Past past;
  std::vector<Incident> incidents;
  KeptLooks kept;
  LookFacts known, confirmed;
};

std::string said(const tl::expected<void, std::string>& read) { return read ? "" : read.error(); }

class ReaderOfAll {
 public:
  explicit ReaderOfAll(Database& db) : db_(db) {}

  tl::expected<EverythingStored, std::string> read(const std::set<std::string>* domains) {
    choose(domains);
    read_subjects();
    read_list<SeenPolicy>([](Parts & p) -> auto& { return p.past.policies; });
    read_list<SeenId>([](Parts & p) -> auto& { return p.past.ids; });
    read_list<SeenHost>([](Parts & p) -> auto& { return p.past.mx; });
    read_list<SeenCertificate>([](Parts & p) -> auto& { return p.past.policy_host_certificates; });
    read_list<Incident>([](Parts & p) -> auto& { return p.incidents; });
    read_list<Change>([](Parts & p) -> auto& { return p.past.changes; });
    read_looks();
    if (domains == nullptr) read_the_rest();
    EverythingStored out = std::move(out_);
    for (auto& [id, parts] : parts_)
      if (fault_.empty() && db_.ok()) assemble(id, parts, out);
    if (!fault_.empty()) return tl::make_unexpected(std::move(fault_));
    return out;
  }

 private:
  void choose(const std::set<std::string>* domains) {
    db_.run("CREATE TEMP TABLE wanted (id INTEGER PRIMARY KEY)");
    if (domains == nullptr) return db_.run("INSERT INTO wanted SELECT id FROM subjects");
    for (const auto& domain : *domains)
      db_.run("INSERT OR IGNORE INTO wanted SELECT id FROM subjects WHERE name = ?", domain);
    db_.run(
        "INSERT OR IGNORE INTO wanted SELECT id FROM subjects WHERE kind = 'mx' AND name IN "
        "(SELECT host FROM mx_hosts WHERE subject_id IN wanted)");
  }

  void read_subjects() {
    db_.each("SELECT id, kind, name, state FROM subjects WHERE id IN wanted", [&](const Statement& row) {
      auto& parts = parts_[row.integer(0)];
      parts.kind = row.text(1);
      parts.name = row.text(2);
      parts.state = row.text(3);
    });
  }

  template <class T, class ListOf>
  void read_list(ListOf list_of) {
    const bool history = std::is_same_v<T, Change>;
    const auto text = "SELECT subject_id, " + columns_of<T>().text + " FROM " + kTable<T> +
                      " WHERE subject_id IN wanted ORDER BY subject_id, " + (history ? "id" : "place");
    db_.each(text, [&](const Statement& row) {
      const auto it = parts_.find(row.integer(0));
      if (it == parts_.end() || !fault_.empty()) return;
      saved::Fault fault;
      const saved::Place place{nullptr, kTable<T>};
      T value{};
      RowReader reader(row, 1, place, fault);
      saved::describe(reader, value);
      if (fault) return say(it->second, fault.text);
      auto& list = list_of(it->second);
      list.push_back(std::move(value));
      if (history && list.size() > kChanges) list.erase(list.begin());
    });
  }

  void read_looks() {
    db_.each(
        "SELECT l.subject_id, l.role, l.at, f.key, f.look, l.facts_id FROM looks l JOIN facts f ON f.id = "
        "l.facts_id WHERE l.subject_id IN wanted AND l.role <> 'changed' ORDER BY l.subject_id, l.role DESC",
        [&](const Statement& row) {
          const auto it = parts_.find(row.integer(0));
          if (it != parts_.end() && fault_.empty()) read_look(it->second, row);
        });
  }

  void read_look(Parts& parts, const Statement& row) {
    const auto at = parse_utc(row.text(2));
    const auto key = row.text(3);
    if (!at || key.size() != FactsKey{}.size()) return say(parts, "a look without a time or key");
    KeptLook kept{{}, *at};
    std::copy(key.begin(), key.end(), kept.key.begin());
    for (std::size_t role = 0; role < kSingleRoles; ++role)
      if (row.text(1) == to_string(static_cast<Role>(role))) parts.kept[role] = kept;
    if (row.text(1) == to_string(Role::known)) parts.known = unpacked(parts, row.text(4), *at);
    if (row.text(1) == to_string(Role::confirmed)) parts.confirmed = confirmed_look(parts, row, kept);
  }

  /// "known" comes before "confirmed", and most often they are one.
  LookFacts confirmed_look(Parts& parts, const Statement& row, const KeptLook& kept) {
    const auto& known = parts.kept[static_cast<std::size_t>(Role::known)];
    const bool same = known && known->key == kept.key && known->at == kept.at;
    return same ? parts.known : unpacked(parts, row.text(4), kept.at);
  }

  LookFacts unpacked(const Parts& parts, std::string_view packed, TimePoint at) {
    const auto text = unpack(packed, kSavedText);
    if (!text) return say(parts, "a look: " + text.error()), LookFacts{};
    const auto json = parse_saved(*text);
    if (!json) return say(parts, "a look: " + json.error()), LookFacts{};
    const auto dated = [&](auto read) -> LookFacts {
      if (!read) return say(parts, read.error()), LookFacts{};
      read->at = at;
      using Look = typename decltype(read)::value_type;
      return std::make_shared<const Look>(std::move(*read));
    };
    return parts.kind == "domain" ? dated(read_domain_look(*json)) : dated(read_mx_look(*json));
  }

  void read_the_rest() {
    db_.each("SELECT name, key, text FROM journal", [&](const Statement& row) {
      out_.journal[std::string(row.text(0))][std::string(row.text(1))] = row.text(2);
    });
    out_.last_subject = db_.number("SELECT max(id) FROM subjects").value_or(0);
    out_.last_transition =
        db_.number("SELECT seq FROM sqlite_sequence WHERE name = 'transitions'").value_or(0);
  }

  void assemble(std::int64_t id, Parts& parts, EverythingStored& out) {
    const auto state = parse_saved(parts.state);
    if (!state) return say(parts, "state: " + state.error());
    std::visit(
        [&](const auto& known) {
          using Look = typename std::decay_t<decltype(known)>::element_type;
          const auto* confirmed = std::get_if<std::shared_ptr<Look>>(&parts.confirmed);
          if (known == nullptr || confirmed == nullptr || *confirmed == nullptr)
            return say(parts, "its last looks are missing");
          make(id, parts, known, *confirmed, *state, out);
        },
        parts.known);
  }

  void make(std::int64_t id, Parts& parts, const std::shared_ptr<const DomainObservation>& known,
            const std::shared_ptr<const DomainObservation>& confirmed, const nlohmann::json& state,
            EverythingStored& out) {
    auto record = std::make_shared<DomainMemory>(known, Verdict(known->domain));
    record->confirmed = confirmed;
    record->past = std::move(parts.past);
    record->incidents = std::move(parts.incidents);
    if (const auto fault = said(read_state(state, *record)); !fault.empty()) return say(parts, fault);
    out.domains[parts.name] = {id, std::move(record), parts.kept};
  }

  void make(std::int64_t id, Parts& parts, const std::shared_ptr<const MxHostObservation>& known,
            const std::shared_ptr<const MxHostObservation>& confirmed, const nlohmann::json& state,
            EverythingStored& out) {
    auto record = std::make_shared<MxMemory>();
    record->known = known;
    record->confirmed = confirmed;
    record->past = std::make_shared<HostPast>(
        HostPast{std::move(parts.past.policy_host_certificates), std::move(parts.past.changes), {}});
    if (const auto fault = said(read_state(state, *record)); !fault.empty()) return say(parts, fault);
    HostPast past = *record->past;
    past.attempts = record->attempts;
    record->past = std::make_shared<HostPast>(std::move(past));
    out.mx[parts.name] = {id, std::move(record), parts.kept};
  }

  void say(const Parts& parts, const std::string& what) {
    if (fault_.empty()) fault_ = printable(parts.name, 80) + ": " + what;
  }

  Database& db_;
  std::unordered_map<std::int64_t, Parts> parts_;
  EverythingStored out_;
  std::string fault_;
};

}  // namespace

tl::expected<EverythingStored, std::string> read_all(Database& db, const std::set<std::string>* domains) {
  return ReaderOfAll(db).read(domains);
}

tl::expected<std::vector<StoredTransition>, std::string> read_transitions(Database& db, std::int64_t after,
                                                                          std::int64_t before,
                                                                          std::size_t limit) {
  std::vector<StoredTransition> out;
  std::string fault;
  db.each(
      "SELECT id, at, domain, kind, incident FROM transitions WHERE id > ? AND id < ? ORDER BY id LIMIT ?",
      [&](const Statement& row) {
        const auto at = parse_utc(row.text(1));
        const auto json = parse_saved(row.text(4));
        auto incident = json ? read_incident(*json) : tl::make_unexpected(json.error());
        const auto& kinds = saved::Words<Transition::Kind>::kAll;
        const auto kind = std::find_if(kinds.begin(), kinds.end(),
                                       [&](const auto& word) { return word.second == row.text(3); });
        if (!at || !incident || kind == kinds.end()) {
          fault = "transition " + std::to_string(row.integer(0)) + " cannot be read";
          return;
        }
        out.push_back({row.integer(0), *at, std::string(row.text(2)), {kind->first, std::move(*incident)}});
      },
      after, before, limit);
  if (!fault.empty()) return tl::make_unexpected(std::move(fault));
  return out;
}

}  // namespace stswatch::sql
