#include "agent/reports/post.h"

#include <unistd.h>

#include "tests/ingest/support.h"

using namespace stswatch;
using reports::PostBox;
using namespace std::chrono_literals;

namespace {

TlsrptIntake open_door(const std::string& token_file = "") {
  TlsrptIntake out;
  out.http = true;
  out.token_file = token_file;
  return out;
}

struct Door {
  Desk desk{":memory:"};
  PostBox::Steady now{};
  PostBox box{*desk.intake, [this] { return now; }};
  explicit Door(TlsrptIntake options = open_door()) { desk.intake->adopt(options, {"example.com"}); }
  int post(const std::string& body, const std::string& type = "application/tlsrpt+json",
           const std::string& token = "") {
    return box.take({body, type, token, "192.0.2.1"}).status;
  }
};

}  // namespace

TEST_CASE("POST /tlsrpt answers as RFC 8460 §5.4 has it") {
  Door door;
  CHECK(door.post(report()) == 201);
  CHECK(door.post(report()) == 200);  // it is here: the sender is to forget it
  CHECK(door.post(report({.id = "r2", .domain = "elsewhere.example"})) == 422);
  CHECK(door.post("{}") == 400);
  CHECK(door.post(report(), "text/html") == 415);
  CHECK(door.post(report(), "multipart/form-data; boundary=x") == 415);
  CHECK(door.post(report({.id = "r3"}), "Application/TLSRPT+JSON; charset=utf-8") == 201);
  CHECK(Door(TlsrptIntake{}).post(report()) == 404);
}

TEST_CASE("where there is a token it is asked for, and none is right where the file cannot be read") {
  const Folder folder;
  const std::string file = folder.path / "token";
  std::ofstream(file) << "secret word\n";
  Door door(open_door(file));
  CHECK(door.post(report()) == 401);
  CHECK(door.post(report(), "application/tlsrpt+json", "secret") == 401);
  CHECK(door.post(report(), "application/tlsrpt+json", "secret word!") == 401);
  CHECK(door.post(report(), "application/tlsrpt+json", "secret word") == 201);
  std::ofstream(file) << "\n";
  CHECK(door.post(report({.id = "r2"})) == 503);
  CHECK(Door(open_door(file + "x")).post(report()) == 503);
  CHECK(!reports::same_secret("", "x"));
}

TEST_CASE("posts come at a bounded rate, and more of them later") {
  Door door;
  for (int i = 0; i < static_cast<int>(reports::kAtOnce); ++i)
    REQUIRE(door.post("{}") == 400);
  CHECK(door.post("{}") == 429);
  door.now += 1s;
  CHECK(door.post("{}") == 400);
  CHECK(door.post(report(), "text/html") == 415);  // refused before it is counted
}

TEST_CASE("a disk that refuses is the sender's reason to come again (RFC 8460 §5.5)") {
  const Folder folder;
  auto store = open_store(folder.state(), {.now = [] { return kNow; }});
  Desk desk(folder.state());
  desk.intake->adopt(open_door(), {"example.com"});
  auto held = sql::Database::open(folder.state(), sql::Database::Access::read_write);
  (*held)->script("DROP TABLE tlsrpt_failures");
  PostBox box(*desk.intake, [] { return PostBox::Steady{}; });
  CHECK(box.take({report(), "application/tlsrpt+json", "", "192.0.2.1"}).status == 503);
  CHECK((*store)->stop());
}
