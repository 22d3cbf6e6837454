// Every bound on what the network may make us hold or wait for, each with its reason.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace stswatch::bounds {

using namespace std::chrono_literals;

// RFC 8461 §3.3 suggests a minute and 64 KB for the policy fetch.
inline constexpr auto kPolicyFetch = 60s;
inline constexpr std::size_t kPolicyBody = 65536;
inline constexpr std::size_t kPolicyBodySmallReader = 10240;  // chasquid reads no more (RULES 0.4)
inline constexpr std::size_t kHttpHeader = 16384;             // ten times what a static file server sends

// RFC 5321 §4.5.3.1.5 allows 512 octets a reply line; some servers exceed it, none needs eight times that.
inline constexpr std::size_t kSmtpLine = 4096;
inline constexpr std::size_t kSmtpReplyLines = 128;
inline constexpr std::size_t kSmtpDialogue = 65536;
// EHLO and QUIT after the last fact are courtesy: a peer that stalls there must not use up the look.
inline constexpr auto kSmtpFarewell = 2s;
// A server that answers a small ClientHello within the one, and a large one not within the other, is not
// slow.
inline constexpr auto kHandshake = 60s;
inline constexpr auto kUsualHello = 2s;
inline constexpr auto kLargeHello = 5s;

// A chain of 10 certificates of 4 KB each is twice what any public CA sends; beyond is not remembered.
inline constexpr std::size_t kTlsChain = 10;
inline constexpr std::size_t kTlsWire = 131072;    // octets of one handshake, both directions
inline constexpr std::size_t kDnsNamesKept = 100;  // SAN entries kept of one certificate

inline constexpr std::size_t kTxtRecords = 64;
inline constexpr std::size_t kTxtOctets = 16384;
inline constexpr std::size_t kCnameChain = 8;      // RULES: longer chains make resolvers give up
inline constexpr std::size_t kMxHosts = 50;        // CONTRACT 7
inline constexpr std::size_t kNameServers = 13;    // as many as the root has; others have two to eight
inline constexpr std::size_t kSourceServers = 12;  // RULES 5.8: at most a dozen are asked
inline constexpr std::size_t kHostAddresses = 16;  // CONTRACT 7
inline constexpr std::size_t kTlsaRecords = 32;    // RULES 3.2 M: beyond twelve, large senders give up
inline constexpr std::size_t kTlsaOctets = 16384;
inline constexpr std::size_t kCaaRecords = 32;
inline constexpr std::size_t kCaaOctets = 4096;  // a CA's name and its parameters take a hundred
inline constexpr std::size_t kDetail = 200;

inline constexpr std::uint64_t kMaxAgeLimit = 31557600;  // RFC 8461 §3.2
inline constexpr std::size_t kIdLength = 32;             // RFC 8461 §3.1
inline constexpr auto kClockTolerance = 5min;            // RULES 4.2: notBefore of a fresh certificate

}  // namespace stswatch::bounds
