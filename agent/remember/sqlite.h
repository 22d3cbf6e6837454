// SQLite's C API behind values that clean up after themselves. One thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <unordered_map>

#include "agent/remember/tables.h"

struct sqlite3;
struct sqlite3_stmt;

namespace stswatch::sql {

class SqliteStatement : public Statement {
 public:
  explicit SqliteStatement(sqlite3_stmt* raw) : raw_(raw) {}
  std::int64_t integer(int column) const override;
  std::string_view text(int column) const override;
  bool null(int column) const override;

 private:
  friend class Database;
  void put_integer(std::int64_t value) override;
  void put_text(std::string_view text) override;
  void put_octets(std::string_view octets) override;
  void put_null() override;

  sqlite3_stmt* raw_;  // owned by the database's cache
  int bound_ = 0;
};

class Database : public Tables {
 public:
  enum class Access {
    read_write,  // created when it is not there
    read_only,
    frozen,  // read-only, and nobody else has it open: needs no lock and no file beside it
  };
  static tl::expected<std::unique_ptr<Database>, Trouble> open(const std::string& file, Access access);
  ~Database() override;

  void script(const std::string& text) override;
  void make_wanted() override { run("CREATE TEMP TABLE wanted (id INTEGER PRIMARY KEY)"); }

  /// All of what `work` runs, or nothing.
  template <class Work>
  tl::expected<void, Trouble> transaction(Work work) {
    run("BEGIN IMMEDIATE");
    if (ok()) work();
    run("COMMIT");
    return settle();
  }
  /// Ends what was begun: the trouble since the last call, if any, after which the database is usable again.
  tl::expected<void, Trouble> settle();

  bool read_only() const;

 private:
  explicit Database(sqlite3* raw) : raw_(raw) {}
  Statement* prepare(std::string_view text) override;
  bool step(Statement& statement) override;
  void reset(Statement& statement) override;
  void note(int code);

  sqlite3* raw_;
  std::unordered_map<std::string, SqliteStatement> statements_;
};

// The file of the embedded store: found or made, understood or refused. Nothing that is not understood is
// written to. Its tables come in steps from one version to the next.

/// A store that this process writes: nobody else does while it is open.
class OwnedFile {
 public:
  static tl::expected<std::unique_ptr<OwnedFile>, std::string> open(const std::string& file);
  ~OwnedFile();
  OwnedFile(const OwnedFile&) = delete;
  OwnedFile& operator=(const OwnedFile&) = delete;

  Database& db() { return *db_; }
  const std::string& file() const { return file_; }
  /// The path still leads to the file that was opened: one that was removed is written to in vain.
  bool is_in_place() const;

 private:
  OwnedFile(std::string file, int lock) : file_(std::move(file)), lock_(lock) {}
  tl::expected<void, std::string> take_up();

  std::string file_;
  int lock_;  // closed after the database: closing any descriptor of a file ends SQLite's own locks on it
  std::unique_ptr<Database> db_;
};

/// A store that another process may be writing.
tl::expected<std::unique_ptr<Database>, std::string> open_for_reading(const std::string& file);

bool exists(const std::string& file);

/// Where SQLite has the file and what belongs to it, links followed. The last folder of the path is made when
/// it is missing, and no more than that.
tl::expected<std::string, std::string> made_folder_of(const std::string& file);

/// A store of this version or an older one, or an empty file; else why OwnedFile::open would refuse it.
tl::expected<void, std::string> is_ours(const std::string& file);

/// What SQLite complains of, and how to mend it.
std::string explain(const std::string& file, const Trouble& trouble);
/// A value in the file that cannot be.
std::string unreadable(const std::string& file, const std::string& what);

/// Whether a copy can be made there: no file is overwritten, and no folder is made for a name mistyped.
tl::expected<void, std::string> is_free(const std::string& to);

/// As a new file, whole or not at all.
tl::expected<void, std::string> copy(const std::string& from, const std::string& to);

// --- The tables (sqlite_backend.cc)

/// Step i brings version i to i + 1; never edit one that has been released, add the next.
std::span<const char* const> schema_steps();

enum class Schema {
  fresh,  // an empty file
  older,  // steps are to be taken
  current,
  newer,    // written by a later stswatch
  foreign,  // the database of another program
};
Schema schema_of(Database& db, std::span<const char* const> steps = schema_steps());

/// Takes the steps that are missing, in one transaction.
tl::expected<void, Trouble> migrate(Database& db, std::span<const char* const> steps = schema_steps());

}  // namespace stswatch::sql
