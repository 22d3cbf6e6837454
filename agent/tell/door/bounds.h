// What a client of the agent's own HTTP server may cost, in one place: octets, lines, connections and time.
// Each has a test (contrib/SECURITY.md); all hold before it is known who the client is, with TLS or without.
#pragma once

#include <chrono>
#include <cstddef>
#include <string_view>

namespace stswatch::door {

inline constexpr std::size_t kHead = 32U << 10;       // request line and header lines; 431 beyond
inline constexpr std::size_t kHeaderLine = 8U << 10;  // as long as httplib's own reader takes; 431
inline constexpr std::size_t kHeaderLines = 100;      // 431
inline constexpr std::size_t kTarget = 8U << 10;      // 414
inline constexpr std::size_t kBody = 64U << 10;       // 413
inline constexpr std::size_t kReport = 16U << 20;     // the body of /tlsrpt: reports of large senders
inline constexpr std::size_t kChunkLine = 256;        // a size and its extensions
inline constexpr std::size_t kTrailers = 8U << 10;

/// All connections together. Where one more octet would be too many, somebody is closed (Client::rank).
inline constexpr std::size_t kConnections = 512;
inline constexpr std::size_t kRequests = 20U << 20;  // octets of requests that are read or served
inline constexpr std::size_t kAnswers = 20U << 20;   // octets of answers that wait for their readers...
inline constexpr std::size_t kAnswersOfLargest = 3;  // ...or so many of the largest: two scrapers and one
inline constexpr std::size_t kUntaken = 1U
                                        << 20;  // octets of answers that are made before those are looked at
inline constexpr std::size_t kHandshake = 64U << 10;  // octets before TLS is up
inline constexpr std::size_t kIdleRecords = 32;       // of TLS, without data, for a request: new keys
inline constexpr std::size_t kShaking = 16;           // handshakes that go on: others wait outside
inline constexpr std::size_t kDrained = 1U << 20;     // what is read and dropped after a refusal

using namespace std::chrono_literals;
inline constexpr auto kHandshakeTime = 10s;
inline constexpr auto kShakingTime = 10ms;  // for the handshakes of all in a turn
inline constexpr auto kSilentTime = 10s;    // a connection that has not sent anything yet
inline constexpr auto kKeptTime = 120s;     // between two requests: a scraper comes back within two minutes
inline constexpr auto kHeadTime = 10s;      // from its first octet
inline constexpr auto kBodyTime = 20s;      // from the end of the head
inline constexpr auto kReportTime = 60s;    // the same for /tlsrpt
inline constexpr auto kStallTime = 10s;     // an answer of which nothing is taken
inline constexpr auto kAnswerTime = 120s;   // for the whole of it: a large exposition over a slow line
inline constexpr auto kDrainTime = 2s;      // for the client to see why it was refused
inline constexpr auto kFarewellTime = 1s;   // for answers under way when the agent ends
inline constexpr auto kSlow = 1s;           // in one phase for longer: closed before others

inline constexpr std::size_t kFairRate = 16U << 10;  // octets of an answer taken a second: slower is slow

inline constexpr std::size_t kQuickThreads = 4;  // pages and API: they compute and never wait
inline constexpr std::size_t kQuickWaiting = kConnections;
inline constexpr std::size_t kScrapeThreads =
    1;  // one is made at a time: of thousands of domains it is large
inline constexpr std::size_t kHealthThreads = 1;
inline constexpr std::size_t kReportThreads = 16;   // most of them wait for their turn (reports::kRead)
inline constexpr std::size_t kPatientThreads = 40;  // /probe (32 at once) and reloads
inline constexpr std::size_t kPatientWaiting = 64;

constexpr bool is_report(std::string_view path) { return path == "/tlsrpt"; }
constexpr std::size_t body_bound(std::string_view path) { return is_report(path) ? kReport : kBody; }

}  // namespace stswatch::door
