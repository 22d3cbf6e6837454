#include "agent/remember/sqlite.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace stswatch::sql {
namespace {

constexpr int kBusyMillis = 5000;

Trouble::Kind kind_of(int code) {
  switch (code & 0xff) {
    case SQLITE_CANTOPEN:
      return Trouble::Kind::cannot_open;
    case SQLITE_NOTADB:
      return Trouble::Kind::not_ours;
    case SQLITE_CORRUPT:
      return Trouble::Kind::damaged;
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return Trouble::Kind::read_only;
    case SQLITE_FULL:
      return Trouble::Kind::full;
    case SQLITE_IOERR:
      return Trouble::Kind::failing;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Trouble::Kind::busy;
    default:
      return Trouble::Kind::other;
  }
}

/// A file name as a URI: RFC 3986 §2.1 for what would end the path.
std::string uri_of(const std::string& file, std::string_view query) {
  std::string out = "file:";
  for (const char c : file) {
    if (c == '%') {
      out += "%25";
    } else if (c == '?') {
      out += "%3f";
    } else if (c == '#') {
      out += "%23";
    } else {
      out += c;
    }
  }
  return out.append(query);
}

}  // namespace

void SqliteStatement::put_integer(std::int64_t value) { sqlite3_bind_int64(raw_, ++bound_, value); }
void SqliteStatement::put_text(std::string_view text) {
  const char* octets = text.data() != nullptr ? text.data() : "";  // a null pointer would be NULL
  sqlite3_bind_text64(raw_, ++bound_, octets, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}
void SqliteStatement::put_octets(std::string_view octets) {
  sqlite3_bind_blob64(raw_, ++bound_, octets.data(), octets.size(), SQLITE_TRANSIENT);
}
void SqliteStatement::put_null() { sqlite3_bind_null(raw_, ++bound_); }

std::int64_t SqliteStatement::integer(int column) const { return sqlite3_column_int64(raw_, column); }
std::string_view SqliteStatement::text(int column) const {
  const auto* octets = static_cast<const char*>(sqlite3_column_blob(raw_, column));
  return {octets, octets == nullptr ? 0 : static_cast<std::size_t>(sqlite3_column_bytes(raw_, column))};
}
bool SqliteStatement::null(int column) const { return sqlite3_column_type(raw_, column) == SQLITE_NULL; }

tl::expected<std::unique_ptr<Database>, Trouble> Database::open(const std::string& file, Access access) {
  const int flags =
      SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
      (access == Access::read_write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(uri_of(file, access == Access::frozen ? "?immutable=1" : "").c_str(), &raw,
                                   flags, nullptr);
  std::unique_ptr<Database> database(new Database(raw));
  if (code != SQLITE_OK) {
    database->note(code);
    return tl::make_unexpected(*database->trouble_);
  }
  sqlite3_busy_timeout(raw, kBusyMillis);
  if (file == ":memory:")
    database->script("PRAGMA temp_store = MEMORY");  // else what it sorts goes to a disk
  return database;
}

Database::~Database() {
  for (auto& [_, statement] : statements_)
    sqlite3_finalize(statement.raw_);
  sqlite3_close_v2(raw_);
}

void Database::note(int code) {
  if (trouble_) return;
  std::string text = raw_ != nullptr ? sqlite3_errmsg(raw_) : sqlite3_errstr(code);
  trouble_ = Trouble{kind_of(code), std::move(text)};
}

Statement* Database::prepare(std::string_view text) {
  if (trouble_) return nullptr;
  std::string key(text);
  if (const auto it = statements_.find(key); it != statements_.end()) return &it->second;
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v3(raw_, text.data(), static_cast<int>(text.size()),
                                      SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  if (code != SQLITE_OK) {
    note(code);
    return nullptr;
  }
  return &statements_.emplace(std::move(key), SqliteStatement(raw)).first->second;
}

bool Database::step(Statement& statement) {
  if (trouble_) return false;
  const int code = sqlite3_step(static_cast<SqliteStatement&>(statement).raw_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) note(code);
  return false;
}

void Database::reset(Statement& statement) {
  auto& ours = static_cast<SqliteStatement&>(statement);
  sqlite3_reset(ours.raw_);
  sqlite3_clear_bindings(ours.raw_);
  ours.bound_ = 0;
}

void Database::script(const std::string& text) {
  if (trouble_) return;
  if (const int code = sqlite3_exec(raw_, text.c_str(), nullptr, nullptr, nullptr); code != SQLITE_OK)
    note(code);
}

tl::expected<void, Trouble> Database::settle() {
  if (!trouble_) return {};
  auto trouble = std::move(*trouble_);
  trouble_.reset();
  if (sqlite3_get_autocommit(raw_) == 0) sqlite3_exec(raw_, "ROLLBACK", nullptr, nullptr, nullptr);
  return tl::make_unexpected(std::move(trouble));
}

bool Database::read_only() const { return sqlite3_db_readonly(raw_, "main") == 1; }

// The file, and who owns it.

namespace {

namespace fs = std::filesystem;

constexpr const char* kElsewhere = "or name another file with --state (\":memory:\" keeps nothing)";

std::string reason(int error) { return std::strerror(error); }

std::string cannot_write(const std::string& file, const std::string& why) {
  return "cannot write the store " + file + ": " + why + ": let the user that runs stswatch write it, " +
         kElsewhere;
}

tl::expected<int, std::string> lock(const std::string& file) {
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (fd < 0) return tl::make_unexpected(cannot_write(file, reason(errno)));
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  const int error = errno;
  ::close(fd);
  if (error == EWOULDBLOCK)
    return tl::make_unexpected("the store " + file + " is in use by another service: stop that one, " +
                               kElsewhere);
  return tl::make_unexpected(cannot_write(file, reason(error)));
}

std::string refusal(const std::string& file, Schema schema) {
  if (schema == Schema::newer)
    return "the store " + file + " was written by a newer version of this program: install that one, " +
           kElsewhere;
  return "the file " + file +
         " is a database of another program: it was left as it is: name another file "
         "with --state";
}

/// Reads every page once, so that damage is found before anything is built on it.
tl::expected<void, Trouble> look_for_damage(Database& db) {
  std::string found;
  db.each("PRAGMA quick_check(1)", [&](const Statement& row) { found = row.text(0); });
  if (auto settled = db.settle(); !settled) return settled;
  if (found != "ok") return tl::make_unexpected(Trouble{Trouble::Kind::damaged, found});
  return {};
}

}  // namespace

bool exists(const std::string& file) {
  std::error_code error;
  return fs::exists(file, error);
}

tl::expected<std::string, std::string> made_folder_of(const std::string& file) {
  std::error_code error;
  const auto folder = fs::path(file).parent_path();
  if (!folder.empty() && !fs::is_directory(folder, error) && mkdir(folder.c_str(), 0750) != 0)
    return tl::make_unexpected("cannot create the folder " + folder.string() + " for the store: " +
                               reason(errno) + ": create it for the user that runs stswatch, " + kElsewhere);
  return fs::weakly_canonical(fs::absolute(file, error), error).parent_path().string();
}

std::string explain(const std::string& file, const Trouble& trouble) {
  switch (trouble.kind) {
    case Trouble::Kind::not_ours:
    case Trouble::Kind::damaged:
      return "the store " + file + " is damaged or no store (" + trouble.text +
             "): it was left as it is: restore a copy of it, move it away to begin anew, " + kElsewhere;
    case Trouble::Kind::full:
      return "the disk of the store " + file + " is full: make room on it, " + kElsewhere;
    case Trouble::Kind::failing:
      return "the disk of the store " + file + " refuses it (" + trouble.text +
             "): see whether it is full or broken, " + kElsewhere;
    case Trouble::Kind::busy:
      return "the store " + file + " is locked by another program: close that one, " + kElsewhere;
    case Trouble::Kind::cannot_open:
    case Trouble::Kind::read_only:
    case Trouble::Kind::other:
      break;
  }
  return cannot_write(file, trouble.text);
}

std::string unreadable(const std::string& file, const std::string& what) {
  return explain(file, {Trouble::Kind::damaged, what});
}

tl::expected<std::unique_ptr<OwnedFile>, std::string> OwnedFile::open(const std::string& file) {
  if (auto made = made_folder_of(file); !made) return tl::make_unexpected(made.error());
  const auto fd = lock(file);
  if (!fd) return tl::make_unexpected(fd.error());
  std::unique_ptr<OwnedFile> owned(new OwnedFile(file, *fd));
  auto db = Database::open(file, Database::Access::read_write);
  if (!db) return tl::make_unexpected(explain(file, db.error()));
  owned->db_ = std::move(*db);
  if (auto taken = owned->take_up(); !taken) return tl::make_unexpected(taken.error());
  return owned;
}

bool OwnedFile::is_in_place() const {
  struct stat ours {
  }, there{};
  if (fstat(lock_, &ours) != 0) return true;  // nothing is proved by that
  if (stat(file_.c_str(), &there) != 0) return errno != ENOENT;
  return ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

OwnedFile::~OwnedFile() {
  db_.reset();
  ::close(lock_);
}

/// In an order in which nothing is written before the file is understood.
tl::expected<void, std::string> OwnedFile::take_up() {
  if (db_->read_only()) return tl::make_unexpected(cannot_write(file_, "it is read-only"));
  const auto schema = schema_of(*db_);
  if (auto settled = db_->settle(); !settled) return tl::make_unexpected(explain(file_, settled.error()));
  if (schema == Schema::newer || schema == Schema::foreign)
    return tl::make_unexpected(refusal(file_, schema));
  if (auto sound = look_for_damage(*db_); !sound) return tl::make_unexpected(explain(file_, sound.error()));
  db_->script("PRAGMA journal_mode = WAL; PRAGMA journal_size_limit = 16777216; PRAGMA foreign_keys = ON");
  if (auto settled = db_->settle(); !settled) return tl::make_unexpected(explain(file_, settled.error()));
  if (schema == Schema::current) return {};
  if (auto moved = migrate(*db_); !moved) return tl::make_unexpected(explain(file_, moved.error()));
  return {};
}

tl::expected<void, std::string> is_ours(const std::string& file) {
  // Whoever only looks leaves no file beside it: its service may be another user.
  const auto access = exists(file + "-wal") ? Database::Access::read_only : Database::Access::frozen;
  const auto db = Database::open(file, access);
  if (!db) return tl::make_unexpected(explain(file, db.error()));
  const auto schema = schema_of(**db);
  if (auto settled = (*db)->settle(); !settled) return tl::make_unexpected(explain(file, settled.error()));
  if (schema == Schema::newer || schema == Schema::foreign) return tl::make_unexpected(refusal(file, schema));
  return {};
}

tl::expected<std::unique_ptr<Database>, std::string> open_for_reading(const std::string& file) {
  const auto cannot_read = [&](const std::string& why) {
    return tl::make_unexpected("cannot read the store " + file + ": " + why);
  };
  if (!exists(file)) return cannot_read("there is no such file: name one that `stswatch run` has written");
  if (access(file.c_str(), R_OK) != 0) return cannot_read(reason(errno) + ": run as a user that may read it");
  auto db = Database::open(file, Database::Access::read_only);
  if (db) (void)(*db)->number("SELECT count(*) FROM sqlite_schema");
  // WAL needs files beside it that a mere reader may not be able to make; at rest it needs none.
  if (db && (*db)->trouble() && !exists(file + "-wal")) db = Database::open(file, Database::Access::frozen);
  if (!db) return cannot_read(db.error().text);
  const auto schema = schema_of(**db);
  if (auto settled = (*db)->settle(); !settled) return tl::make_unexpected(explain(file, settled.error()));
  if (schema == Schema::newer || schema == Schema::foreign) return tl::make_unexpected(refusal(file, schema));
  if (schema != Schema::current)
    return cannot_read(
        "it was written by an older stswatch: start the service once, which brings it up to date");
  return std::move(*db);
}

tl::expected<void, std::string> is_free(const std::string& to) {
  if (exists(to))
    return tl::make_unexpected(to + " is there already and is not overwritten: name a new file with --to");
  const auto folder = fs::path(to).parent_path();
  std::error_code error;
  if (folder.empty() || fs::is_directory(folder, error)) return {};
  return tl::make_unexpected("there is no folder " + folder.string() +
                             ": make it, or name a file in another one with --to");
}

tl::expected<void, std::string> copy(const std::string& from, const std::string& to) {
  if (auto free = is_free(to); !free) return free;
  auto db = open_for_reading(from);
  if (!db) return tl::make_unexpected(db.error());
  std::error_code error;
  const std::string unfinished = to + ".unfinished";
  fs::remove(unfinished, error);
  (*db)->run("VACUUM INTO ?", unfinished);
  if (auto settled = (*db)->settle(); !settled) {
    fs::remove(unfinished, error);
    return tl::make_unexpected(explain(unfinished, settled.error()));
  }
  chmod(unfinished.c_str(), 0640);
  const bool linked = link(unfinished.c_str(), to.c_str()) == 0;  // unlike rename, this never overwrites
  const int why = errno;
  fs::remove(unfinished, error);
  if (!linked) return tl::make_unexpected(cannot_write(to, reason(why)));
  return {};
}

}  // namespace stswatch::sql
