// Tables into records.
#include <mutex>

#include "agent/remember/past.h"
#include "agent/remember/table_records.h"

namespace stswatch::sql {
namespace {

/// A look as its row has it.
struct PackedLook {
  KeptLook kept;       // its time: when it was first seen
  std::string octets;  // of what is known and confirmed
};

/// What the tables say of one subject, before it is a record.
struct Parts {
  std::string kind, name, state, moments;
  Past past;
  std::vector<Incident> incidents;
  std::array<std::optional<PackedLook>, kSingleRoles> looks;
};

std::string said(const tl::expected<void, std::string>& read) { return read ? "" : read.error(); }

Read<SavedJson> json_of(std::string_view compressed) {
  const auto text = decompress(compressed, kSavedText);
  if (!text) return tl::make_unexpected(text.error());
  return parse_saved(*text);
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
    share_parts(*read);
    return std::make_shared<const Look>(std::move(*read));
  };
  if constexpr (std::is_same_v<Look, DomainObservation>)
    return dated(read_domain_look(*json));
  else
    return dated(read_mx_look(*json));
}

/// Parts into a record: of each subject by itself, on any thread.
class RecordMaker {
 public:
  explicit RecordMaker(Parts& parts) : parts_(parts) {}

  void make() {
    const auto state = parse_saved(parts_.state);
    if (!state) return say("state: " + state.error());
    std::optional<SavedJson> moments;
    if (!parts_.moments.empty()) {
      auto json = json_of(parts_.moments);
      if (!json) return say("moments: " + json.error());
      if (const auto read = read_look_times(*json, times_); !read) return say(read.error());
      moments = std::move(*json);
    }
    for (std::size_t role = 0; role < kSingleRoles; ++role)
      if (const auto& look = parts_.looks[role])
        kept[role] = {look->kept.hash, seen_at(look->kept.at, times_, to_string(static_cast<Role>(role)))};
    if (parts_.kind == "domain")
      make_domain(*state, moments);
    else
      make_mx(*state, moments);
  }

  // The record of one kind, unless something is at fault.
  std::shared_ptr<const DomainMemory> domain;
  std::shared_ptr<const MxMemory> mx;
  KeptLooks kept{};
  std::string fault;

 private:
  void make_domain(const SavedJson& state, const std::optional<SavedJson>& moments) {
    const auto [known, confirmed] = last_looks<DomainObservation>();
    if (!fault.empty()) return;
    auto record = std::make_shared<DomainMemory>(known, Verdict(known->domain));
    record->confirmed = confirmed;
    record->past = std::move(parts_.past);
    record->incidents = std::move(parts_.incidents);
    lay(state, moments, *record);
    domain = std::move(record);
  }

  void make_mx(const SavedJson& state, const std::optional<SavedJson>& moments) {
    const auto [known, confirmed] = last_looks<MxHostObservation>();
    if (!fault.empty()) return;
    auto record = std::make_shared<MxMemory>();
    record->known = known;
    record->confirmed = confirmed;
    lay(state, moments, *record);
    record->past =
        std::make_shared<HostPast>(HostPast{std::move(parts_.past.policy_host_certificates),
                                            std::move(parts_.past.changes), record->attempts, record->tlsa});
    mx = std::move(record);
  }

  /// Known and confirmed, which most often are one.
  template <class Look>
  std::array<std::shared_ptr<const Look>, 2> last_looks() {
    std::array<std::shared_ptr<const Look>, 2> out;
    for (const Role role : {Role::known, Role::confirmed}) {
      const auto place = static_cast<std::size_t>(role);
      if (!parts_.looks[place]) return say("its last looks are missing"), out;
      const auto& known = kept[static_cast<std::size_t>(Role::known)];
      if (role == Role::confirmed && known->hash == kept[place]->hash && known->at == kept[place]->at) {
        out[1] = out[0];
        return out;
      }
      auto look = look_of<Look>(parts_.looks[place]->octets, kept[place]->at);
      if (!look) return say(look.error()), out;
      out[role == Role::confirmed] = std::move(*look);
    }
    return out;
  }

  template <class Record>
  void lay(const SavedJson& state, const std::optional<SavedJson>& moments, Record& record) {
    auto what = said(read_state(state, record));
    LookTimesByRole again;  // which times_ has
    if (what.empty() && moments) what = said(stswatch::read_moments(*moments, record, again));
    if (!what.empty()) say(what);
  }

  void say(const std::string& what) {
    if (fault.empty()) fault = printable(parts_.name, 80) + ": " + what;
  }

  Parts& parts_;
  LookTimesByRole times_;  // of the looks that are kept, as the moments have them
};

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
    all_ = all;
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
    if (fault_.empty() && db_.ok()) make_records();
    if (!fault_.empty()) return tl::make_unexpected(std::move(fault_));
    return std::move(out_);
  }

  void choose(const std::set<std::string>* domains) {
    if (domains == nullptr) return;
    db_.make_wanted();
    for (const auto& domain : *domains)
      db_.run("INSERT INTO wanted SELECT id FROM subjects WHERE name = ? ON CONFLICT DO NOTHING", domain);
    db_.run(
        "INSERT INTO wanted SELECT id FROM subjects WHERE kind = 'mx' AND name IN "
        "(SELECT host FROM mx_hosts WHERE subject_id IN (SELECT id FROM wanted)) ON CONFLICT DO NOTHING");
  }

  std::string only(const char* which) const {
    return all_ ? "" : " " + std::string(which) + " IN (SELECT id FROM wanted)";
  }

  void read_subjects() {
    db_.each("SELECT id, kind, name, state FROM subjects" + only("WHERE id"), [&](const Statement& row) {
      auto& parts = parts_[row.integer(0)];
      parts.kind = row.text(1);
      parts.name = row.text(2);
      parts.state = row.text(3);
    });
  }

  void read_moments() {
    db_.each("SELECT subject_id, moments FROM moments" + only("WHERE subject_id"), [&](const Statement& row) {
      const auto it = parts_.find(row.integer(0));
      if (it != parts_.end()) it->second.moments = row.text(1);
    });
  }

  template <class T, class ListOf>
  void read_list(ListOf list_of) {
    const bool history = std::is_same_v<T, Change>;
    const auto text = "SELECT subject_id, " + columns_of<T>().text + " FROM " + kTable<T> +
                      only("WHERE subject_id") + " ORDER BY subject_id, " + (history ? "id" : "place");
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
        "SELECT l.subject_id, l.role, l.at, f.key, CASE WHEN l.role IN ('known', 'confirmed') THEN f.look "
        "END "
        "FROM looks l JOIN facts f ON f.id = l.facts_id WHERE l.role <> 'changed'" +
            only("AND l.subject_id"),
        [&](const Statement& row) {
          const auto it = parts_.find(row.integer(0));
          if (it != parts_.end() && fault_.empty()) read_look(it->second, row);
        });
  }

  void read_look(Parts& parts, const Statement& row) {
    const auto at = parse_utc(row.text(2));
    const auto hash = row.text(3);
    if (!at || hash.size() != FactsHash{}.size()) return say(parts, "a look without a time or hash");
    PackedLook look{{{}, *at}, std::string(row.text(4))};
    std::copy(hash.begin(), hash.end(), look.kept.hash.begin());
    for (std::size_t role = 0; role < kSingleRoles; ++role)
      if (row.text(1) == stswatch::to_string(static_cast<Role>(role))) parts.looks[role] = std::move(look);
  }

  void read_the_rest() {
    db_.each("SELECT name, key, text FROM journal", [&](const Statement& row) {
      out_.key_values[std::string(row.text(0))][std::string(row.text(1))] = row.text(2);
    });
    out_.last_subject = db_.number("SELECT max(id) FROM subjects").value_or(0);
  }

  void make_records() {
    std::vector<std::pair<const std::int64_t, Parts>*> all;
    for (auto& entry : parts_)
      all.push_back(&entry);
    std::mutex mutex;
    side_by_side(all.size(), [&](std::size_t place) {
      auto& [id, parts] = *all[place];
      RecordMaker maker(parts);
      maker.make();
      const std::lock_guard lock(mutex);
      if (fault_.empty()) fault_ = std::move(maker.fault);
      if (maker.domain) out_.domains[parts.name] = {id, std::move(maker.domain), maker.kept};
      if (maker.mx) out_.mx[parts.name] = {id, std::move(maker.mx), maker.kept};
      parts = {};
    });
  }

  void say(const Parts& parts, const std::string& what) {
    if (fault_.empty()) fault_ = printable(parts.name, 80) + ": " + what;
  }

  Tables& db_;
  bool all_ = false;  // nobody is left out, and "wanted" is not asked
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
          if (const auto read = read_look_times(*json, times); !read) say(name + ": " + read.error());
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
