// Tables into records.
#include <nlohmann/json.hpp>

#include "agent/remember/past.h"
#include "agent/remember/table_records.h"

namespace stswatch::sql {
namespace {

/// What the tables say of one subject, before it is a record.
struct Parts {
  std::string kind, name, state;
  Past past;
  std::vector<Incident> incidents;
  nlohmann::json moments;
  LookTimesByRole times;  // of the looks that are kept, as the moments have them
  KeptLooks kept;
  LookFacts known, confirmed;
};

std::string said(const tl::expected<void, std::string>& read) { return read ? "" : read.error(); }

Read<nlohmann::json> json_of(std::string_view compressed) {
  const auto text = decompress(compressed, kSavedText);
  if (!text) return tl::make_unexpected(text.error());
  return parse_saved(*text);
}

/// When the looks that are kept were last seen: of the moments all that can be read without the record.
Read<LookTimesByRole> times_in(const nlohmann::json& moments) {
  LookTimesByRole times;
  if (!moments.contains("looks")) return times;
  MxMemory nobody;
  const nlohmann::json looks{{"looks", moments.at("looks")}};
  if (const auto read = stswatch::read_moments(looks, nobody, times); !read)
    return tl::make_unexpected(read.error());
  return times;
}

/// The time that a look of this role was last seen at; the row has the first.
TimePoint seen_at(TimePoint row, const LookTimesByRole& times, std::string_view role) {
  const auto it = times.find(std::string(role));
  return it == times.end() ? row : std::max(row, it->second);
}

template <class Look>
Read<std::shared_ptr<const Look>> look_of(std::string_view compressed, TimePoint at) {
  const auto json = json_of(compressed);
  if (!json) return tl::make_unexpected("a look: " + json.error());
  const auto dated = [&](auto read) -> Read<std::shared_ptr<const Look>> {
    if (!read) return tl::make_unexpected(read.error());
    read->at = at;
    return std::make_shared<const Look>(std::move(*read));
  };
  if constexpr (std::is_same_v<Look, DomainObservation>)
    return dated(read_domain_look(*json));
  else
    return dated(read_mx_look(*json));
}

class ReaderOfAll {
 public:
  explicit ReaderOfAll(Tables& db) : db_(db) {}

  tl::expected<EverythingStored, std::string> read(const std::set<std::string>* domains) {
    choose(domains);
    return read_chosen(domains == nullptr);
  }

  tl::expected<EverythingStored, std::string> read(const std::vector<std::int64_t>& ids) {
    db_.make_wanted();
    for (const auto id : ids)
      db_.run("INSERT INTO wanted (id) VALUES (?) ON CONFLICT DO NOTHING", id);
    return read_chosen(false);
  }

 private:
  tl::expected<EverythingStored, std::string> read_chosen(bool all) {
    read_subjects();
    read_moments();
    read_list<SeenPolicy>([](Parts & p) -> auto& { return p.past.policies; });
    read_list<SeenId>([](Parts & p) -> auto& { return p.past.ids; });
    read_list<SeenHost>([](Parts & p) -> auto& { return p.past.mx; });
    read_list<SeenCertificate>([](Parts & p) -> auto& { return p.past.policy_host_certificates; });
    read_list<Incident>([](Parts & p) -> auto& { return p.incidents; });
    read_list<Change>([](Parts & p) -> auto& { return p.past.changes; });
    read_looks();
    if (all) read_the_rest();
    EverythingStored out = std::move(out_);
    for (auto& [id, parts] : parts_)
      if (fault_.empty() && db_.ok()) assemble(id, parts, out);
    if (!fault_.empty()) return tl::make_unexpected(std::move(fault_));
    return out;
  }

  void choose(const std::set<std::string>* domains) {
    db_.make_wanted();
    if (domains == nullptr) return db_.run("INSERT INTO wanted SELECT id FROM subjects");
    for (const auto& domain : *domains)
      db_.run("INSERT INTO wanted SELECT id FROM subjects WHERE name = ? ON CONFLICT DO NOTHING", domain);
    db_.run(
        "INSERT INTO wanted SELECT id FROM subjects WHERE kind = 'mx' AND name IN "
        "(SELECT host FROM mx_hosts WHERE subject_id IN (SELECT id FROM wanted)) ON CONFLICT DO NOTHING");
  }

  void read_subjects() {
    db_.each("SELECT id, kind, name, state FROM subjects WHERE id IN (SELECT id FROM wanted)",
             [&](const Statement& row) {
               auto& parts = parts_[row.integer(0)];
               parts.kind = row.text(1);
               parts.name = row.text(2);
               parts.state = row.text(3);
             });
  }

  void read_moments() {
    db_.each("SELECT subject_id, moments FROM moments WHERE subject_id IN (SELECT id FROM wanted)",
             [&](const Statement& row) {
               const auto it = parts_.find(row.integer(0));
               if (it == parts_.end() || !fault_.empty()) return;
               auto json = json_of(row.text(1));
               if (!json) return say(it->second, "moments: " + json.error());
               auto times = times_in(*json);
               if (!times) return say(it->second, times.error());
               it->second.moments = std::move(*json);
               it->second.times = std::move(*times);
             });
  }

  template <class T, class ListOf>
  void read_list(ListOf list_of) {
    const bool history = std::is_same_v<T, Change>;
    const auto text = "SELECT subject_id, " + columns_of<T>().text + " FROM " + kTable<T> +
                      " WHERE subject_id IN (SELECT id FROM wanted) ORDER BY subject_id, " +
                      (history ? "id" : "place");
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
      if (history && list.size() > past_bounds::kChanges) list.erase(list.begin());
    });
  }

  void read_looks() {
    db_.each(
        "SELECT l.subject_id, l.role, l.at, f.key, f.look, l.facts_id FROM looks l JOIN facts f ON f.id = "
        "l.facts_id WHERE l.subject_id IN (SELECT id FROM wanted) AND l.role <> 'changed' ORDER BY "
        "l.subject_id, l.role DESC",
        [&](const Statement& row) {
          const auto it = parts_.find(row.integer(0));
          if (it != parts_.end() && fault_.empty()) read_look(it->second, row);
        });
  }

  void read_look(Parts& parts, const Statement& row) {
    const auto at = parse_utc(row.text(2));
    const auto hash = row.text(3);
    if (!at || hash.size() != FactsHash{}.size()) return say(parts, "a look without a time or hash");
    KeptLook kept{{}, seen_at(*at, parts.times, row.text(1))};
    std::copy(hash.begin(), hash.end(), kept.hash.begin());
    for (std::size_t role = 0; role < kSingleRoles; ++role)
      if (row.text(1) == stswatch::to_string(static_cast<Role>(role))) parts.kept[role] = kept;
    if (row.text(1) == stswatch::to_string(Role::known)) parts.known = facts_of(parts, row.text(4), kept.at);
    if (row.text(1) == stswatch::to_string(Role::confirmed))
      parts.confirmed = confirmed_look(parts, row, kept);
  }

  /// "known" comes before "confirmed", and most often they are one.
  LookFacts confirmed_look(Parts& parts, const Statement& row, const KeptLook& kept) {
    const auto& known = parts.kept[static_cast<std::size_t>(Role::known)];
    const bool same = known && known->hash == kept.hash && known->at == kept.at;
    return same ? parts.known : facts_of(parts, row.text(4), kept.at);
  }

  LookFacts facts_of(const Parts& parts, std::string_view compressed, TimePoint at) {
    const auto told = [&](auto read) -> LookFacts {
      if (!read) return say(parts, read.error()), LookFacts{};
      return std::move(*read);
    };
    return parts.kind == "domain" ? told(look_of<DomainObservation>(compressed, at))
                                  : told(look_of<MxHostObservation>(compressed, at));
  }

  void read_the_rest() {
    db_.each("SELECT name, key, text FROM journal", [&](const Statement& row) {
      out_.key_values[std::string(row.text(0))][std::string(row.text(1))] = row.text(2);
    });
    out_.last_subject = db_.number("SELECT max(id) FROM subjects").value_or(0);
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
    if (const auto fault = lay(parts, state, *record); !fault.empty()) return say(parts, fault);
    out.domains[parts.name] = {id, std::move(record), parts.kept};
  }

  void make(std::int64_t id, Parts& parts, const std::shared_ptr<const MxHostObservation>& known,
            const std::shared_ptr<const MxHostObservation>& confirmed, const nlohmann::json& state,
            EverythingStored& out) {
    auto record = std::make_shared<MxMemory>();
    record->known = known;
    record->confirmed = confirmed;
    record->past = std::make_shared<HostPast>(
        HostPast{std::move(parts.past.policy_host_certificates), std::move(parts.past.changes), {}, {}});
    if (const auto fault = lay(parts, state, *record); !fault.empty()) return say(parts, fault);
    HostPast past = *record->past;
    past.attempts = record->attempts;
    past.tlsa = record->tlsa;
    record->past = std::make_shared<HostPast>(std::move(past));
    out.mx[parts.name] = {id, std::move(record), parts.kept};
  }

  template <class Record>
  static std::string lay(Parts& parts, const nlohmann::json& state, Record& record) {
    auto fault = said(read_state(state, record));
    if (fault.empty() && !parts.moments.is_null())
      fault = said(stswatch::read_moments(parts.moments, record, parts.times));
    return fault;
  }

  void say(const Parts& parts, const std::string& what) {
    if (fault_.empty()) fault_ = printable(parts.name, 80) + ": " + what;
  }

  Tables& db_;
  std::unordered_map<std::int64_t, Parts> parts_;
  EverythingStored out_;
  std::string fault_;
};

}  // namespace

tl::expected<EverythingStored, std::string> read_all(Tables& db, const std::set<std::string>* domains) {
  return ReaderOfAll(db).read(domains);
}

std::vector<std::string> read_domain_names(Tables& db) {
  std::vector<std::string> names;
  db.each("SELECT name FROM subjects WHERE kind = 'domain'",
          [&](const Statement& row) { names.emplace_back(row.text(0)); });
  return names;
}

KeyValues read_key_values(Tables& db, const std::string& table) {
  KeyValues rows;
  db.each(
      "SELECT key, text FROM journal WHERE name = ?",
      [&](const Statement& row) { rows[std::string(row.text(0))] = row.text(1); }, table);
  return rows;
}

tl::expected<EverythingStored, std::string> read_subjects(Tables& db, const std::vector<std::int64_t>& ids) {
  return ReaderOfAll(db).read(ids);
}

namespace {

/// What was of one domain, and of the hosts that its looks name.
class ReaderOfHistory {
 public:
  explicit ReaderOfHistory(Tables& db) : db_(db) {}

  tl::expected<StoredHistory, std::string> read(const std::string& domain) {
    StoredHistory out;
    read_transitions(domain, out.transitions);
    read_looks("domain", domain, out.looks);
    std::set<std::string> hosts{domain};  // RFC 5321 §5.1: the implicit MX
    for (const auto& stored : out.looks)
      for (const auto& mx : stored.look->mx.records)
        hosts.insert(mx.host);
    for (const auto& host : hosts) {
      std::vector<StoredLook<MxHostObservation>> looks;
      read_looks("mx", host, looks);
      if (!looks.empty()) out.mx.emplace(host, std::move(looks));
    }
    if (!fault_.empty()) return tl::make_unexpected(std::move(fault_));
    return out;
  }

 private:
  void read_transitions(const std::string& domain, std::vector<StoredTransition>& out) {
    db_.each(
        "SELECT id, at, kind, incident FROM transitions WHERE domain = ? ORDER BY id",
        [&](const Statement& row) {
          const auto at = parse_utc(row.text(1));
          const auto json = parse_saved(row.text(3));
          auto incident = json ? read_incident(*json) : tl::make_unexpected(json.error());
          const auto& kinds = saved::Words<Transition::Kind>::kAll;
          const auto kind = std::find_if(kinds.begin(), kinds.end(),
                                         [&](const auto& word) { return word.second == row.text(2); });
          if (!at || !incident || kind == kinds.end())
            return say("transition " + std::to_string(row.integer(0)) + " cannot be read");
          out.push_back({*at, domain, {kind->first, std::move(*incident)}});
        },
        domain);
  }

  /// One entry for all roles that speak of the same moment.
  template <class Look>
  void read_looks(const char* kind, const std::string& name, std::vector<StoredLook<Look>>& out) {
    const auto times = times_of(kind, name);
    std::map<std::pair<TimePoint, std::int64_t>, StoredLook<Look>> by_time;  // and facts
    db_.each(
        "SELECT l.role, l.at, f.id, f.look FROM looks l JOIN facts f ON f.id = l.facts_id JOIN subjects s ON "
        "s.id = l.subject_id WHERE s.kind = ? AND s.name = ? AND l.role NOT IN ('known', 'confirmed') "
        "ORDER BY l.role",
        [&](const Statement& row) {
          const auto at = parse_utc(row.text(1));
          if (!at) return say(name + ": a look without a time");
          const auto seen = row.text(0) == "changed" ? *at : seen_at(*at, times, row.text(0));
          auto& stored = by_time[{seen, row.integer(2)}];
          stored.kept_as.emplace_back(row.text(0));
          if (stored.look != nullptr) return;
          auto look = look_of<Look>(row.text(3), seen);
          if (!look) return say(name + ": " + look.error());
          stored.look = std::move(*look);
        },
        kind, name);
    for (auto& [_, stored] : by_time)
      if (stored.look != nullptr) out.push_back(std::move(stored));
  }

  LookTimesByRole times_of(const char* kind, const std::string& name) {
    LookTimesByRole times;
    db_.each(
        "SELECT m.moments FROM moments m JOIN subjects s ON s.id = m.subject_id WHERE s.kind = ? AND s.name "
        "= ?",
        [&](const Statement& row) {
          const auto json = json_of(row.text(0));
          if (!json) return say(name + ": moments: " + json.error());
          auto read = times_in(*json);
          if (!read) return say(name + ": " + read.error());
          times = std::move(*read);
        },
        kind, name);
    return times;
  }

  void say(const std::string& what) {
    if (fault_.empty()) fault_ = printable(what);
  }

  Tables& db_;
  std::string fault_;
};

}  // namespace

tl::expected<StoredHistory, std::string> read_history(Tables& db, const std::string& domain) {
  return ReaderOfHistory(db).read(domain);
}

}  // namespace stswatch::sql
