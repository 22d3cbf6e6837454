#include "agent/reports/intake.h"

#include <unistd.h>

#include <future>
#include <latch>

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

TEST_CASE("two posts are read at a time; a third waits for its turn, and not for ever") {
  Desk desk(":memory:");
  std::latch both(2), go(1);
  std::atomic<bool> held = true;
  reports::Intake intake(*desk.book, [&] {  // asked once a post, in its turn
    if (held) {
      both.count_down();
      go.wait();
    }
    return kNow;
  });
  intake.adopt(open_door(), {"example.com"});
  const auto now = [] { return PostBox::Steady{}; };
  PostBox box(intake, now, 20ms);
  const auto post = [&](PostBox& into, const std::string& id) {
    return into.take({report({.id = id}), "application/tlsrpt+json", "", "192.0.2.1"});
  };
  auto first = std::async(std::launch::async, [&] { return post(box, "r1").status; });
  auto second = std::async(std::launch::async, [&] { return post(box, "r2").status; });
  both.wait();
  const auto third = post(box, "r3");
  CHECK(third.status == 503);
  CHECK(third.words.find("too many reports are being read") == 0);
  CHECK_FALSE(third.fate);
  // Who may not hand in anything need not wait to hear so.
  CHECK(box.take({report(), "text/html", "", "192.0.2.1"}).status == 415);
  held = false;
  go.count_down();
  CHECK(first.get() == 201);
  CHECK(second.get() == 201);
  CHECK(post(box, "r3").status == 201);
}

TEST_CASE("who waits for his turn gets it as soon as there is one, and goes when the service ends") {
  Desk desk(":memory:");
  std::latch both(2), go(1);
  std::atomic<int> asked = 0;
  reports::Intake intake(*desk.book, [&] {
    if (++asked <= 2) {
      both.count_down();
      go.wait();
    }
    return kNow;
  });
  intake.adopt(open_door(), {"example.com"});
  PostBox box(
      intake, [] { return PostBox::Steady{}; }, 1h);
  const auto post = [&](const std::string& id) {
    return std::async(std::launch::async, [&box, id] {
      return box.take({report({.id = id}), "application/tlsrpt+json", "", "192.0.2.1"}).status;
    });
  };
  auto first = post("r1"), second = post("r2");
  both.wait();
  auto third = post("r3");
  CHECK(third.wait_for(20ms) == std::future_status::timeout);
  go.count_down();
  CHECK(third.get() == 201);
  CHECK(first.get() == 201);
  CHECK(second.get() == 201);
  box.end();
  CHECK(post("r4").get() == 503);
}

TEST_CASE("a token that cannot be read is trouble of ours") {
  const Folder folder;
  const std::string file = folder.path / "token";
  Door door(open_door(file));
  REQUIRE(door.box.trouble());
  CHECK(door.box.trouble()->find(file) != std::string::npos);
  std::ofstream(file) << "secret word\n";
  CHECK_FALSE(door.box.trouble());
  CHECK_FALSE(Door(open_door()).box.trouble());
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
