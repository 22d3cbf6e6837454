#include "agent/tell/door/passwords.h"

#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <latch>

#include "checks/facts/text.h"

namespace stswatch::door {

using Verdict = Passwords::Verdict;

namespace {

// bcrypt of "open sesame" and of "swordfish", cost 4
constexpr const char* kSesame = "$2y$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy";
constexpr const char* kSwordfish = "$2y$04$abcdefghijklmnopqrstuugIEnm3ZbWF6xb2GcoE3L1CoGJFMKtu.";
const Passwords::Users kUsers{{"alice", kSesame}, {"bob", kSwordfish}};

std::string basic(const std::string& user_and_password) { return "Basic " + to_base64(user_and_password); }
Address from(int last) { return Address::v4({192, 0, 2, static_cast<std::uint8_t>(last)}); }

std::future<Verdict> ask(Passwords& passwords, const std::string& authorization, const Address& who,
                         const Passwords::Users& users = kUsers) {
  auto promise = std::make_shared<std::promise<Verdict>>();
  auto future = promise->get_future();
  passwords.check(users, authorization, who,
                  [promise](Verdict verdict, const std::string&) { promise->set_value(verdict); });
  return future;
}

bool there(const std::future<Verdict>& f) {
  return f.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

/// Says what is right when it is let.
struct Slow {
  std::latch begun{1}, go{1};
  std::atomic<int> asked{0};
  std::vector<std::string> order;  // of one thread
  Passwords::Matches matches = [this](const std::string& password, const std::string&) {
    order.push_back(password);
    if (++asked == 1) {
      begun.count_down();
      go.wait();
    }
    return password == "right";
  };
};

}  // namespace

TEST_CASE("a user needs his password, whole") {
  Passwords passwords;
  const std::string nul("open sesame\0x", 13);
  for (int twice = 0; twice < 2; ++twice) {  // the second time it is known
    CHECK(ask(passwords, basic("alice:open sesame"), from(1)).get() == Verdict::right);
    CHECK(ask(passwords, "basic  " + to_base64("bob:swordfish"), from(1)).get() == Verdict::right);
    int guesser = 2;
    for (const auto& wrong :
         {std::string("alice:swordfish"), std::string("bob:open sesame"), std::string("alice:"),
          std::string("alice"), std::string("mallory:open sesame"), std::string("ALICE:open sesame"),
          std::string(":open sesame"), std::string("alice:open sesame "), "alice:" + nul})
      CHECK(ask(passwords, basic(wrong), from(guesser++)).get() == Verdict::wrong);
  }
  for (const auto* header : {"", "Basic", "Basic ", "Basic !", "Bearer abc", "basic"})
    CHECK(ask(passwords, header, from(1)).get() == Verdict::wrong);
}

TEST_CASE("what bcrypt would not look at is no password") {
  const std::string most(72, 'p');
  std::atomic<int> asked{0};
  Passwords passwords([&](const std::string& password, const std::string&) {
    ++asked;
    return password.starts_with(most);
  });
  CHECK(ask(passwords, basic("alice:" + most), from(1)).get() == Verdict::right);
  CHECK(ask(passwords, basic("alice:" + most + "x"), from(1)).get() == Verdict::wrong);
  CHECK(asked == 2);  // it costs as much
}

TEST_CASE("an unknown name costs what a known one does") {
  std::vector<std::string> hashes;
  Passwords passwords([&](const std::string&, const std::string& hash) {
    hashes.push_back(hash);
    return true;
  });
  CHECK(ask(passwords, basic("nobody:open sesame"), from(1)).get() == Verdict::wrong);
  REQUIRE(hashes.size() == 1);
  CHECK((hashes[0] == kSesame || hashes[0] == kSwordfish));
}

TEST_CASE("right ones are remembered, with the hash they were right for; wrong ones for a moment") {
  std::atomic<int> asked{0};
  Passwords passwords([&](const std::string& password, const std::string& hash) {
    ++asked;
    return Passwords::bcrypt_matches(password, hash);
  });
  for (int i = 0; i < 3; ++i) {
    CHECK(ask(passwords, basic("alice:open sesame"), from(i)).get() == Verdict::right);
    CHECK(ask(passwords, basic("alice:swordfish"), from(i)).get() == Verdict::wrong);
  }
  CHECK(asked == 2);
  CHECK(ask(passwords, basic("alice:open sesame"), from(1), {{"alice", kSwordfish}}).get() == Verdict::wrong);
  CHECK(asked == 3);
}

TEST_CASE("a right one is not behind the guesses of others, nor behind those from its own address") {
  Slow slow;
  Passwords passwords(slow.matches);
  std::vector<std::future<Verdict>> guesses;
  for (int i = 0; i < 10; ++i)
    guesses.push_back(ask(passwords, basic("alice:guess" + std::to_string(i)), from(1)));
  slow.begun.wait();
  // The other thread is free for another address, while the first is at a guess.
  CHECK(ask(passwords, basic("bob:right"), from(2)).get() == Verdict::right);
  auto right = ask(passwords, basic("alice:right"), from(1));
  CHECK_FALSE(there(right));  // one at a time for an address
  slow.go.count_down();
  CHECK(right.get() == Verdict::right);
  CHECK(slow.order.at(2) == "right");
  for (auto& guess : guesses)
    CHECK(guess.get() == Verdict::wrong);
}

TEST_CASE("the same wish twice is one") {
  Slow slow;
  Passwords passwords(slow.matches);
  auto first = ask(passwords, basic("alice:right"), from(1));
  slow.begun.wait();
  auto again = ask(passwords, basic("alice:right"), from(1));
  auto elsewhere = ask(passwords, basic("alice:right"), from(2));
  slow.go.count_down();
  CHECK(first.get() == Verdict::right);
  CHECK(again.get() == Verdict::right);
  CHECK(elsewhere.get() == Verdict::right);
  CHECK(slow.asked == 1);
}

TEST_CASE("guesses from one address are bounded, at once and in time") {
  Slow slow;
  Passwords passwords(slow.matches);
  std::vector<std::future<Verdict>> guesses;
  for (std::size_t i = 0; i < 1 + Passwords::kWaitingOfOne + 5; ++i) {
    guesses.push_back(ask(passwords, basic("alice:guess" + std::to_string(i)), from(1)));
    if (i == 0) slow.begun.wait();
  }
  for (std::size_t i = 1; i <= 5; ++i)  // the oldest that wait
    CHECK(guesses[i].get() == Verdict::too_many);
  slow.go.count_down();
  const auto began = Passwords::Clock::now();
  for (int i = 0; i < Passwords::kGuesses + 1; ++i) {
    const auto newest = guesses.size() - 1 - static_cast<std::size_t>(i);
    guesses[newest].wait();
  }
  CHECK(Passwords::Clock::now() - began > std::chrono::milliseconds(900));  // for the one beyond kGuesses
  passwords.end();
  for (auto& guess : guesses)
    if (guess.valid()) CHECK(there(guess));
}

TEST_CASE("a /64 of IPv6 is one neighbourhood") {
  const auto a = *Address::parse("2001:db8::1"), b = *Address::parse("2001:db8::ffff:2"),
             c = *Address::parse("2001:db8:0:1::1");
  CHECK(door::neighbourhood(a) == door::neighbourhood(b));
  CHECK(door::neighbourhood(a) != door::neighbourhood(c));
  CHECK(door::neighbourhood(from(1)) == from(1));
}

}  // namespace stswatch::door
