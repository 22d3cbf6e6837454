// The store on SQLite: what a batch is there, what retention drops, and what others read beside the service.
#include "agent/remember/sqlite.h"
#include "agent/remember/sqlite_records.h"

namespace stswatch {
namespace {

constexpr int kTidyRows = 2000;  // in one transaction

class SqliteBackend : public StoreBackend {
 public:
  SqliteBackend(std::unique_ptr<sql::OwnedFile> file, const StoreOptions& options)
      : file_(std::move(file)),
        keep_looks_(options.keep_looks),
        keep_history_(options.keep_history),
        most_octets_(options.most_octets) {}

  tl::expected<void, std::string> write(const Batch& batch) override {
    auto& db = file_->db();
    // In WAL mode NORMAL survives the death of the process, FULL that of the machine.
    db.run(batch.urgent ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
    return explained(db.transaction([&] { sql::write(db, batch); }));
  }

  tl::expected<bool, std::string> tidy(TimePoint now) override {
    auto& db = file_->db();
    std::int64_t gone = 0;
    const auto done = db.transaction([&] {
      gone = drop_old(now);
      if (used() > most_octets_) gone += drop_oldest();
      drop_facts();
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

  template <class... Args>
  std::int64_t count_gone(std::string_view statement, const Args&... args) {
    std::int64_t gone = 0;
    file_->db().each(
        statement, [&](const sql::Statement&) { ++gone; }, args...);
    return gone;
  }

  std::int64_t drop_old(TimePoint now) {
    const auto looks = to_utc(now - keep_looks_), history = to_utc(now - keep_history_);
    return count_gone(
               "DELETE FROM looks WHERE (subject_id, role, number) IN (SELECT subject_id, role, number FROM "
               "looks WHERE role = 'changed' AND at < ? LIMIT ?) RETURNING 1",
               looks, kTidyRows) +
           count_gone(
               "DELETE FROM changes WHERE id IN (SELECT id FROM changes WHERE at < ? ORDER BY at LIMIT ?) "
               "RETURNING 1",
               history, kTidyRows) +
           count_gone(
               "DELETE FROM transitions WHERE id IN (SELECT id FROM transitions WHERE at < ? ORDER BY at "
               "LIMIT ?) RETURNING 1",
               history, kTidyRows);
  }

  /// For want of room: raw looks first, then what was told, never what a cache may hold.
  std::int64_t drop_oldest() {
    auto gone = count_gone(
        "DELETE FROM looks WHERE (subject_id, role, number) IN (SELECT subject_id, role, number FROM looks "
        "WHERE role = 'changed' ORDER BY at LIMIT ?) RETURNING 1",
        kTidyRows);
    if (gone == 0)
      gone = count_gone(
          "DELETE FROM transitions WHERE id IN (SELECT id FROM transitions ORDER BY at LIMIT ?) RETURNING 1",
          kTidyRows);
    if (gone == 0)
      gone = count_gone(
          "DELETE FROM changes WHERE id IN (SELECT id FROM changes ORDER BY at LIMIT ?) RETURNING 1",
          kTidyRows);
    return gone;
  }

  void drop_facts() {
    file_->db().run(
        "DELETE FROM facts WHERE id IN (SELECT f.id FROM facts f WHERE NOT EXISTS "
        "(SELECT 1 FROM looks l WHERE l.facts_id = f.id))");
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

tl::expected<std::unique_ptr<Store>, std::string> open_store(const std::string& state, StoreOptions options) {
  if (state == kInRam) return make_live_store({}, nullptr, std::move(options));
  if (state.find("://") != std::string::npos)
    return tl::make_unexpected("the store " + state.substr(0, state.find("://")) +
                               "://... is of a kind that this build does not know: name a file with --state");
  auto file = sql::OwnedFile::open(state);
  if (!file) return tl::make_unexpected(file.error());
  auto all = read_from((*file)->db(), state, nullptr);
  if (!all) return tl::make_unexpected(all.error());
  auto backend = std::make_unique<SqliteBackend>(std::move(*file), options);
  return make_live_store(std::move(*all), std::move(backend), std::move(options));
}

tl::expected<std::unique_ptr<Memory>, std::string> read_store(const std::string& file,
                                                              const std::set<std::string>& domains) {
  if (file == kInRam || !sql::exists(file)) return nullptr;
  auto db = sql::open_for_reading(file);
  if (!db) return tl::make_unexpected(db.error());
  auto all = read_from(**db, file, &domains);
  if (!all) return tl::make_unexpected(all.error());
  return make_live_store(std::move(*all), nullptr, {});
}

tl::expected<std::optional<StoredHistory>, std::string> read_history(const std::string& file,
                                                                     const Domain& domain) {
  if (file == kInRam || !sql::exists(file)) return std::nullopt;
  auto db = sql::open_for_reading(file);
  if (!db) return tl::make_unexpected(db.error());
  auto history = sql::read_history(**db, domain.str());
  if (auto settled = (*db)->settle(); !settled)
    return tl::make_unexpected(sql::explain(file, settled.error()));
  if (!history) return tl::make_unexpected(sql::unreadable(file, history.error()));
  if (history->looks.empty() && history->transitions.empty()) return std::nullopt;
  return std::move(*history);
}

tl::expected<std::size_t, std::string> copy_store(const std::string& from, const std::string& to) {
  if (auto copied = sql::copy(from, to); !copied) return tl::make_unexpected(copied.error());
  auto db = sql::open_for_reading(to);
  if (!db) return tl::make_unexpected(db.error());
  const auto domains = (*db)->number("SELECT count(*) FROM subjects WHERE kind = 'domain'");
  return static_cast<std::size_t>(domains.value_or(0));
}

tl::expected<std::map<std::string, std::string>, std::string> read_key_values(const std::string& file,
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

tl::expected<void, std::string> edit_key_values(const std::string& file,
                                                const std::vector<KeyValueEdit>& edits) {
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
