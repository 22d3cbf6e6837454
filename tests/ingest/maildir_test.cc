#include "agent/reports/intake.h"

#include <unistd.h>

#include "tests/ingest/support.h"

using namespace stswatch;
using reports::Fate;
using Names = std::vector<std::string>;

TEST_CASE("mail is counted, and then moved from new/ to cur/") {
  const Folder folder;
  Desk desk(":memory:");
  folder.deliver("new/1.a", report());
  folder.deliver("new/2.b", "no report\n");
  folder.deliver("new/3.c", "Subject: hello\n\nx\n");
  const auto turn = reports::Maildir(folder.maildir()).turn(*desk.intake);
  REQUIRE(turn);
  CHECK(turn->moved == 3);
  CHECK(!turn->more);
  CHECK(folder.listed("new").empty());
  CHECK(folder.listed("cur") == Names{"1.a:2,S", "2.b:2,FS", "3.c:2,S"});  // F: somebody should look at it
  CHECK(turn->fates.at(Fate::unreadable) == 1);
  CHECK(turn->fates.at(Fate::no_report) == 1);
}

TEST_CASE("what was counted before the process died is moved and not counted again") {
  const Folder folder;
  Desk desk(":memory:");
  desk.hand_in(report());
  folder.deliver("new/1.a", report());
  const auto turn = reports::Maildir(folder.maildir()).turn(*desk.intake);
  REQUIRE(turn);
  CHECK(turn->fates.at(Fate::duplicate) == 1);
  CHECK(folder.listed("cur").size() == 1);
  CHECK(desk.intake->figures().domains.at("example.com").sessions.at("sts").successful == 90);
}

TEST_CASE("where the disk refuses, the mail stays in new/") {
  const Folder folder;
  auto store = open_store(folder.state(), {.now = [] { return kNow; }});
  Desk desk(folder.state());
  auto held = sql::Database::open(folder.state(), sql::Database::Access::read_write);
  REQUIRE(held);
  (*held)->script("DROP TABLE tlsrpt_failures");
  folder.deliver("new/1.a", report());
  CHECK(!reports::Maildir(folder.maildir()).turn(*desk.intake));
  CHECK(folder.listed("new") == Names{"1.a"});
  CHECK(folder.listed("cur").empty());
  CHECK(desk.intake->figures().domains.empty());  // the half that was written is undone
  CHECK((*store)->stop());
}

TEST_CASE("a mail reader may have moved it first; what it marked seen is left alone") {
  const Folder folder;
  Desk desk(":memory:");
  reports::Maildir maildir(folder.maildir());
  folder.deliver("cur/1.a:2,", report());
  folder.deliver("cur/2.b:2,R", report({.id = "r2"}));
  folder.deliver("cur/3.c:2,S", report({.id = "r3"}));
  CHECK(maildir.turn(*desk.intake)->fates.at(Fate::stored) == 2);
  CHECK(folder.listed("cur") == Names{"1.a:2,S", "2.b:2,RS", "3.c:2,S"});
  CHECK(maildir.turn(*desk.intake)->moved == 0);
  folder.deliver("cur/4.d:2,", report({.id = "r4"}));
  CHECK(maildir.turn(*desk.intake)->fates.at(Fate::stored) == 1);
}

TEST_CASE("a name that is taken in cur/ is not written over") {
  const Folder folder;
  Desk desk(":memory:");
  folder.deliver("cur/1.a:2,S", "before");
  folder.deliver("new/1.a", report());
  CHECK(reports::Maildir(folder.maildir()).turn(*desk.intake)->moved == 1);
  CHECK(folder.listed("cur") == Names{"1.a.1:2,S", "1.a:2,S"});
}

TEST_CASE("what is no file is told of, and holds up nobody") {
  const Folder folder;
  Desk desk(":memory:");
  std::filesystem::create_directory(folder.path / "mail/new/0.folder");
  std::filesystem::create_symlink("/dev/zero", folder.path / "mail/new/0.link");
  folder.deliver("new/1.a", report());
  const auto turn = reports::Maildir(folder.maildir()).turn(*desk.intake);
  REQUIRE(turn);
  CHECK(turn->moved == 1);
  CHECK(!turn->trouble.empty());
}

TEST_CASE("a crowd of what cannot be read hides nothing that can, and is told of until it is gone") {
  const Folder folder;
  Desk desk(":memory:");
  constexpr int kCrowd = 4200;  // more than one listing has
  for (int i = 0; i < kCrowd; ++i)
    std::filesystem::create_symlink("/dev/zero", folder.path / "mail/new" / ("0." + std::to_string(i)));
  folder.deliver("new/1.a", report());
  reports::Maildir maildir(folder.maildir());
  std::size_t moved = 0;
  for (int turn = 0; turn < 3; ++turn) {
    const auto done = maildir.turn(*desk.intake);
    REQUIRE(done);
    moved += done->moved;
    CHECK(done->trouble.find("mail/new/0.") != std::string::npos);
  }
  CHECK(moved == 1);
  folder.deliver("new/2.b", report({.id = "r2"}));
  auto turn = maildir.turn(*desk.intake);
  for (int i = 0; i < 2 && turn->moved == 0; ++i)
    turn = maildir.turn(*desk.intake);
  CHECK(turn->moved == 1);
  for (int i = 0; i < kCrowd; ++i)
    std::filesystem::remove(folder.path / "mail/new" / ("0." + std::to_string(i)));
  CHECK(maildir.turn(*desk.intake)->trouble.empty());
}

TEST_CASE("a Maildir without cur/ is told of, and nothing of it is counted again and again") {
  const Folder folder;
  Desk desk(":memory:");
  reports::Maildir maildir(folder.maildir());
  std::filesystem::remove(folder.path / "mail/cur");
  folder.deliver("new/1.a", report());
  const auto turn = maildir.turn(*desk.intake);
  REQUIRE_FALSE(turn);
  CHECK(turn.error().find("/cur: No such file") != std::string::npos);
  CHECK(folder.listed("new") == Names{"1.a"});
  std::filesystem::create_directory(folder.path / "mail/cur");
  CHECK(maildir.turn(*desk.intake)->moved == 1);
}

TEST_CASE("reports that unfold far are written down before the next are read") {
  const Folder folder;
  Desk desk(":memory:");
  // Each is some megabytes when read: together they are more than is held at once.
  const auto fat = [](int i) {
    auto out = report({.id = std::to_string(i)});
    const std::string at = R"("failure-details":[)";
    std::string rows;
    for (int row = 0; row < 3000; ++row)
      rows += R"({"result-type":"certificate-expired","failed-session-count":1,"additional-information":")" +
              std::string(1000, 'x') + "\"},";
    return out.insert(out.find(at) + at.size(), rows);
  };
  for (int i = 0; i < 6; ++i)
    folder.deliver("new/" + std::to_string(i), fat(i));
  folder.deliver("new/9", "no report\n");
  reports::Maildir maildir(folder.maildir());
  std::map<Fate, std::size_t> fates;
  std::size_t moved = 0;
  for (int i = 0; i < 8; ++i) {
    const auto turn = maildir.turn(*desk.intake);
    REQUIRE(turn);
    moved += turn->moved;
    for (const auto& [fate, n] : turn->fates)
      fates[fate] += n;
  }
  CHECK(moved == 7);
  CHECK(fates == std::map<Fate, std::size_t>{{Fate::stored, 6}, {Fate::unreadable, 1}});
  const auto figures = desk.intake->figures();
  CHECK(figures.fates.at(Fate::stored) == 6);
  CHECK(figures.fates.at(Fate::unreadable) == 1);
  CHECK(figures.domains.at("example.com").failures.at({"sts", "certificate-expired", "Google"}) ==
        6 * (3000 + 10));
}

TEST_CASE("a batch is bounded, and says that there is more") {
  const Folder folder;
  Desk desk(":memory:");
  for (int i = 0; i < 300; ++i)
    folder.deliver("new/" + std::to_string(i), report({.id = std::to_string(i)}));
  reports::Maildir maildir(folder.maildir());
  const auto first = maildir.turn(*desk.intake);
  CHECK(first->more);
  const auto second = maildir.turn(*desk.intake);
  CHECK(!second->more);
  CHECK(first->moved + second->moved == 300);
}

TEST_CASE("what is no Maildir is said before anything is waited for") {
  const Folder folder;
  CHECK(reports::look_at_maildir(folder.maildir()));
  CHECK(!reports::look_at_maildir(folder.path));
  CHECK(!reports::Maildir(folder.path).turn(*Desk(":memory:").intake));
}
