// The file of the embedded store: found or made, understood or refused. Nothing that is not understood is
// written to. Its tables come in steps from one version to the next.
#pragma once

#include <span>

#include "agent/remember/sqlite.h"

namespace stswatch::sql {

/// A store that this process writes: nobody else does while it is open.
class OwnedFile {
 public:
  static tl::expected<std::unique_ptr<OwnedFile>, std::string> open(const std::string& file);
  ~OwnedFile();
  OwnedFile(const OwnedFile&) = delete;
  OwnedFile& operator=(const OwnedFile&) = delete;

  Database& db() { return *db_; }
  const std::string& file() const { return file_; }

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

/// What SQLite complains of, and how to mend it.
std::string explain(const std::string& file, const Trouble& trouble);
/// A value in the file that cannot be.
std::string unreadable(const std::string& file, const std::string& what);

/// As a new file, whole or not at all.
tl::expected<void, std::string> copy(const std::string& from, const std::string& to);

// --- The tables (sqlite_schema.cc)

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
