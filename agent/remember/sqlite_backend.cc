// The store on SQLite: what a batch is there, what retention drops, and what others read beside the service.
#include "agent/remember/sqlite.h"
#include "agent/remember/store_kinds.h"
#include "agent/remember/table_records.h"

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
