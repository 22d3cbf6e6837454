// The store on SQLite: its tables, what a batch is there, what retention drops, and what others read beside
// the service.
#include <array>

#include "agent/remember/sqlite.h"
#include "agent/remember/store_kinds.h"
#include "agent/remember/table_records.h"

namespace stswatch::sql {
namespace {

constexpr std::int64_t kApplication = 0x53545357;  // "STSW" in octets 68 to 71 of the file

// Times are texts as to_utc() writes them, lists are JSON, what is not known is NULL. first_seen is the first
// look that saw it, gone the first that proved it gone.
constexpr const char* kVersion1 = R"sql(
CREATE TABLE subjects (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('domain', 'mx')),
  name TEXT NOT NULL,
  last_look TEXT NOT NULL,
  state TEXT NOT NULL,
  UNIQUE (kind, name)
);
CREATE TABLE policies (
  subject_id INTEGER NOT NULL REFERENCES subjects ON DELETE CASCADE,
  place INTEGER NOT NULL,
  mode TEXT NOT NULL,
  mx TEXT NOT NULL,
  max_age INTEGER NOT NULL,
  extensions TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  first_seen TEXT NOT NULL,
  gone TEXT,
  PRIMARY KEY (subject_id, place)
) WITHOUT ROWID;
CREATE TABLE ids (
  subject_id INTEGER NOT NULL REFERENCES subjects ON DELETE CASCADE,
  place INTEGER NOT NULL,
  id TEXT NOT NULL,
  ttl INTEGER NOT NULL,
  first_seen TEXT NOT NULL,
  gone TEXT,
  PRIMARY KEY (subject_id, place)
) WITHOUT ROWID;
CREATE TABLE mx_hosts (
  subject_id INTEGER NOT NULL REFERENCES subjects ON DELETE CASCADE,
  place INTEGER NOT NULL,
  host TEXT NOT NULL,
  first_seen TEXT NOT NULL,
  gone TEXT,
  PRIMARY KEY (subject_id, place)
) WITHOUT ROWID;
CREATE INDEX mx_hosts_by_name ON mx_hosts (host);
CREATE TABLE certificates (
  subject_id INTEGER NOT NULL REFERENCES subjects ON DELETE CASCADE,
  place INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  spki_sha256 TEXT NOT NULL,
  issuer TEXT NOT NULL,
  serial TEXT NOT NULL,
  not_before TEXT NOT NULL,
  not_after TEXT NOT NULL,
  first_seen TEXT NOT NULL,
  gone TEXT,
  PRIMARY KEY (subject_id, place)
) WITHOUT ROWID;
CREATE TABLE incidents (
  subject_id INTEGER NOT NULL REFERENCES subjects ON DELETE CASCADE,
  place INTEGER NOT NULL,
  code TEXT NOT NULL,
  subject TEXT NOT NULL,
  severity TEXT NOT NULL,
  route TEXT NOT NULL,
  opened TEXT NOT NULL,
  last_bad TEXT NOT NULL,
  closed TEXT,
  good_looks INTEGER NOT NULL,
  changes TEXT NOT NULL,
  detail TEXT NOT NULL,
  effect TEXT NOT NULL,
  fix TEXT NOT NULL,
  reference TEXT NOT NULL,
  of_the_agent INTEGER NOT NULL,
  PRIMARY KEY (subject_id, place)
) WITHOUT ROWID;
CREATE TABLE changes (
  id INTEGER PRIMARY KEY,
  subject_id INTEGER NOT NULL REFERENCES subjects ON DELETE CASCADE,
  at TEXT NOT NULL,
  code TEXT NOT NULL,
  subject TEXT NOT NULL,
  was TEXT NOT NULL,
  became TEXT NOT NULL
);
CREATE INDEX changes_of_subject ON changes (subject_id);
CREATE INDEX changes_by_time ON changes (at);
CREATE TABLE transitions (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at TEXT NOT NULL,
  domain TEXT NOT NULL,
  kind TEXT NOT NULL,
  code TEXT NOT NULL,
  subject TEXT NOT NULL,
  severity TEXT NOT NULL,
  incident TEXT NOT NULL
);
CREATE INDEX transitions_by_time ON transitions (at);
CREATE TABLE facts (
  id INTEGER PRIMARY KEY,
  subject_id INTEGER NOT NULL REFERENCES subjects ON DELETE CASCADE,
  key BLOB NOT NULL,
  look BLOB NOT NULL,
  UNIQUE (subject_id, key)
);
CREATE TABLE looks (
  subject_id INTEGER NOT NULL REFERENCES subjects ON DELETE CASCADE,
  role TEXT NOT NULL CHECK (role IN ('known', 'confirmed', 'last', 'good', 'failed', 'changed')),
  number INTEGER NOT NULL,
  at TEXT NOT NULL,
  facts_id INTEGER NOT NULL REFERENCES facts,
  PRIMARY KEY (subject_id, role, number)
) WITHOUT ROWID;
CREATE INDEX looks_by_facts ON looks (facts_id);
CREATE TABLE journal (
  name TEXT NOT NULL,
  key TEXT NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (name, key)
) WITHOUT ROWID;
)sql";

// A policy keeps its name in world files; a change tells whether it was planned.
constexpr const char* kVersion2 = R"sql(
ALTER TABLE policies ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
UPDATE policies SET number = place + 1;
ALTER TABLE changes ADD COLUMN planned INTEGER NOT NULL DEFAULT 0;
)sql";

// A notice says how often a finding was confirmed.
constexpr const char* kVersion3 = "ALTER TABLE incidents ADD COLUMN bad_looks INTEGER NOT NULL DEFAULT 0;";

// What looks saw of the ends of a window, besides what bounds them; which deployed senders refuse a fault or
// deliver all the same.
constexpr const char* kVersion4 = R"sql(
ALTER TABLE policies ADD COLUMN last_seen TEXT;
ALTER TABLE policies ADD COLUMN mx_more INTEGER NOT NULL DEFAULT 0;
ALTER TABLE policies ADD COLUMN mx_digest TEXT NOT NULL DEFAULT '';
ALTER TABLE ids ADD COLUMN sighted TEXT;
ALTER TABLE ids ADD COLUMN absent TEXT;
ALTER TABLE ids ADD COLUMN last_seen TEXT;
ALTER TABLE incidents ADD COLUMN refused_by TEXT NOT NULL DEFAULT '[]';
ALTER TABLE incidents ADD COLUMN accepted_by TEXT NOT NULL DEFAULT '[]';
)sql";

// What moves with each look has a small row of its own, since it is written once an hour for each subject; a
// state of an older version keeps it until it is written anew. What became of a finding is asked by domain.
constexpr const char* kVersion5 = R"sql(
CREATE TABLE moments (
  subject_id INTEGER PRIMARY KEY REFERENCES subjects ON DELETE CASCADE,
  moments BLOB NOT NULL
);
ALTER TABLE subjects DROP COLUMN last_look;
CREATE INDEX transitions_of_domain ON transitions (domain);
)sql";

// What comes and goes is held, and so is a severity that swings.
constexpr const char* kVersion6 = R"sql(
ALTER TABLE incidents ADD COLUMN good_since TEXT;
ALTER TABLE incidents ADD COLUMN held_since TEXT;
ALTER TABLE incidents ADD COLUMN eased TEXT;
ALTER TABLE incidents ADD COLUMN swung TEXT;
)sql";

// A finding that is a part of another one's cause is told below that.
constexpr const char* kVersion7 = "ALTER TABLE incidents ADD COLUMN part INTEGER NOT NULL DEFAULT 0;";

constexpr std::array kSteps{kVersion1, kVersion2, kVersion3, kVersion4, kVersion5, kVersion6, kVersion7};

}  // namespace

std::span<const char* const> schema_steps() { return kSteps; }

Schema schema_of(Database& db, std::span<const char* const> steps) {
  const auto version = db.number("PRAGMA user_version").value_or(0);
  const auto application = db.number("PRAGMA application_id").value_or(0);
  const auto tables = db.number("SELECT count(*) FROM sqlite_schema").value_or(0);
  if (tables == 0 && version == 0 && application == 0) return Schema::fresh;
  if (application != kApplication || version <= 0) return Schema::foreign;
  const auto current = static_cast<std::int64_t>(steps.size());
  if (version > current) return Schema::newer;
  return version < current ? Schema::older : Schema::current;
}

tl::expected<void, Trouble> migrate(Database& db, std::span<const char* const> steps) {
  const auto version = static_cast<std::size_t>(db.number("PRAGMA user_version").value_or(0));
  return db.transaction([&] {
    for (std::size_t step = version; step < steps.size(); ++step)
      db.script(steps[step]);
    db.script("PRAGMA application_id = " + std::to_string(kApplication));
    db.script("PRAGMA user_version = " + std::to_string(steps.size()));
  });
}

}  // namespace stswatch::sql

namespace stswatch {
namespace {

class SqliteBackend : public StoreBackend {
 public:
  SqliteBackend(std::unique_ptr<sql::OwnedFile> file, const StoreOptions& options)
      : file_(std::move(file)),
        keep_looks_(options.keep_looks),
        keep_history_(options.keep_history),
        most_octets_(options.most_octets) {}

  tl::expected<void, std::string> write(const Batch& batch) override {
    if (!file_->is_in_place())
      return tl::make_unexpected("the store " + file_->file() +
                                 " was removed or replaced while it was in use: put back the file that was "
                                 "there, or start the service again, which begins anew");
    auto& db = file_->db();
    // In WAL mode NORMAL survives the death of the process, FULL that of the machine.
    db.run(batch.urgent ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
    return explained(db.transaction([&] { sql::write(db, batch); }));
  }

  tl::expected<bool, std::string> tidy(TimePoint now) override {
    auto& db = file_->db();
    std::int64_t gone = 0;
    const auto done = db.transaction([&] {
      gone = sql::drop_old(db, to_utc(now - keep_looks_), to_utc(now - keep_history_));
      if (used() > most_octets_) gone += sql::drop_oldest(db);
      sql::drop_facts(db);
    });
    if (!done) return tl::make_unexpected(sql::explain(file_->file(), done.error()));
    return gone > 0;
  }

 private:
  tl::expected<void, std::string> explained(const tl::expected<void, sql::Trouble>& done) const {
    if (!done) return tl::make_unexpected(sql::explain(file_->file(), done.error()));
    return {};
  }

  std::uint64_t used() {
    auto& db = file_->db();
    const auto pages =
        db.number("PRAGMA page_count").value_or(0) - db.number("PRAGMA freelist_count").value_or(0);
    return static_cast<std::uint64_t>(pages * db.number("PRAGMA page_size").value_or(0));
  }

  std::unique_ptr<sql::OwnedFile> file_;
  const Seconds keep_looks_, keep_history_;
  const std::uint64_t most_octets_;
};

tl::expected<EverythingStored, std::string> read_from(sql::Database& db, const std::string& file,
                                                      const std::set<std::string>* domains) {
  auto all = sql::read_all(db, domains);
  if (auto settled = db.settle(); !settled) return tl::make_unexpected(sql::explain(file, settled.error()));
  if (!all) return tl::make_unexpected(sql::unreadable(file, all.error()));
  return all;
}

}  // namespace

namespace sql {

tl::expected<std::unique_ptr<Store>, std::string> open_file(const std::string& name, StoreOptions options) {
  auto file = OwnedFile::open(name);
  if (!file) return tl::make_unexpected(file.error());
  auto all = read_from((*file)->db(), name, nullptr);
  if (!all) return tl::make_unexpected(all.error());
  auto backend = std::make_unique<SqliteBackend>(std::move(*file), options);
  return make_live_store(std::move(*all), std::move(backend), std::move(options));
}

tl::expected<EverythingStored, std::string> read_file(const std::string& file,
                                                      const std::set<std::string>& domains) {
  auto db = open_for_reading(file);
  if (!db) return tl::make_unexpected(db.error());
  return read_from(**db, file, &domains);
}

tl::expected<StoredHistory, std::string> read_file_history(const std::string& file,
                                                           const std::string& domain) {
  auto db = open_for_reading(file);
  if (!db) return tl::make_unexpected(db.error());
  auto history = read_history(**db, domain);
  if (auto settled = (*db)->settle(); !settled) return tl::make_unexpected(explain(file, settled.error()));
  if (!history) return tl::make_unexpected(unreadable(file, history.error()));
  return history;
}

tl::expected<std::vector<std::string>, std::string> read_file_domain_names(const std::string& file) {
  auto db = open_for_reading(file);
  if (!db) return tl::make_unexpected(db.error());
  auto names = read_domain_names(**db);
  if (auto settled = (*db)->settle(); !settled) return tl::make_unexpected(explain(file, settled.error()));
  return names;
}

tl::expected<KeyValues, std::string> read_file_key_values(const std::string& file, const std::string& table) {
  auto db = open_for_reading(file);
  if (!db) return tl::make_unexpected(db.error());
  auto rows = read_key_values(**db, table);
  if (auto settled = (*db)->settle(); !settled) return tl::make_unexpected(explain(file, settled.error()));
  return rows;
}

tl::expected<void, std::string> edit_file(const std::string& file, const Batch& batch) {
  // Understood before it is written to.
  if (auto store = open_for_reading(file); !store) return tl::make_unexpected(store.error());
  auto db = Database::open(file, Database::Access::read_write);
  if (!db) return tl::make_unexpected(explain(file, db.error()));
  const auto done = (*db)->transaction([&] { write(**db, batch); });
  if (!done) return tl::make_unexpected(explain(file, done.error()));
  return {};
}

}  // namespace sql
}  // namespace stswatch
