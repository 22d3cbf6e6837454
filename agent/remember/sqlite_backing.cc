#include "agent/remember/live_store.h"
#include "agent/remember/sqlite_file.h"
#include "agent/remember/sqlite_read.h"
#include "agent/remember/sqlite_write.h"

namespace stswatch {
namespace {

constexpr int kTidyRows = 2000;  // in one transaction

class SqliteBacking : public Backing {
 public:
  SqliteBacking(std::unique_ptr<sql::OwnedFile> file, const StoreOptions& options)
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

  tl::expected<std::vector<StoredTransition>, std::string> older_transitions(std::int64_t after,
                                                                             std::int64_t before,
                                                                             std::size_t limit) override {
    // A connection of its own: the writer may be in the middle of a batch.
    auto db = sql::open_for_reading(file_->file());
    if (!db) return tl::make_unexpected(db.error());
    auto out = sql::read_transitions(**db, after, before, limit);
    if (auto settled = (*db)->settle(); !settled)
      return tl::make_unexpected(sql::explain(file_->file(), settled.error()));
    if (!out) return tl::make_unexpected(sql::unreadable(file_->file(), out.error()));
    return out;
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
  auto backing = std::make_unique<SqliteBacking>(std::move(*file), options);
  return make_live_store(std::move(*all), std::move(backing), std::move(options));
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

tl::expected<std::size_t, std::string> copy_store(const std::string& from, const std::string& to) {
  if (auto copied = sql::copy(from, to); !copied) return tl::make_unexpected(copied.error());
  auto db = sql::open_for_reading(to);
  if (!db) return tl::make_unexpected(db.error());
  const auto domains = (*db)->number("SELECT count(*) FROM subjects WHERE kind = 'domain'");
  return static_cast<std::size_t>(domains.value_or(0));
}

}  // namespace stswatch
