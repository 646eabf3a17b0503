// Framing: any cut of the stream gives the same frames, whole frames are found in place, and no memory is taken for
// what has not arrived.
#include "core/wire/frame_decoder.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace onehop::core {
namespace {

using namespace std::string_literals;

constexpr size_t kMax = 1 << 20;

std::string frame(const std::string& body) {
  char prefix[kVarintBytesMax];
  return std::string(prefix, write_varint(prefix, body.size())) + body;
}

// Everything that can be decoded from `in`, as copies; `end` is what the decoder said last.
std::vector<std::string> drain(FrameDecoder& decoder, Input& in, Next& end, size_t frame_bytes_max = kMax) {
  std::vector<std::string> frames;
  FrameView view;
  while ((end = decoder.next(in, frame_bytes_max, view)) == Next::kFrame) frames.emplace_back(view.bytes);
  return frames;
}

std::vector<std::string> drain_piece(FrameDecoder& decoder, Bytes piece, Next& end, size_t frame_bytes_max = kMax) {
  // A copy of exact size, which is gone afterwards: the sanitizer sees whoever still reads it.
  const std::vector<char> exact(piece.begin(), piece.end());
  Input in{Bytes(exact.data(), exact.size())};
  return drain(decoder, in, end, frame_bytes_max);
}

TEST(ParseLength, Rows) {
  const struct {
    const char* what;
    std::string input;
    LengthState state;
    uint64_t length;
    size_t prefix_size;
  } kRows[] = {
      {"nothing", "", LengthState::kNeedMore, 0, 0},
      {"one", "\x01", LengthState::kComplete, 1, 1},
      {"127", "\x7Fxyz", LengthState::kComplete, 127, 1},
      {"128", "\x80\x01", LengthState::kComplete, 128, 2},
      {"128, half", "\x80", LengthState::kNeedMore, 0, 0},
      {"longer than needed", "\x81\x80\x80\x80\x00"s, LengthState::kComplete, 1, 5},
      {"the largest of five bytes", "\xFF\xFF\xFF\xFF\x7F", LengthState::kComplete, 0x7FFFFFFFF, 5},
      {"four, unfinished", "\xFF\xFF\xFF\xFF", LengthState::kNeedMore, 0, 0},
      {"five, unfinished", "\xFF\xFF\xFF\xFF\xFF", LengthState::kBad, 0, 0},
      {"six", "\x81\x80\x80\x80\x80\x00"s, LengthState::kBad, 0, 0},
      {"zero", "\x00"s, LengthState::kBad, 0, 0},
      {"zero with bytes behind it", "\x00xyz"s, LengthState::kBad, 0, 0},
      {"zero in two bytes", "\x80\x00"s, LengthState::kBad, 0, 0},
      {"zero in five bytes", "\x80\x80\x80\x80\x00"s, LengthState::kBad, 0, 0},
  };
  for (const auto& row : kRows) {
    uint64_t length = 0;
    size_t prefix_size = 0;
    EXPECT_EQ(parse_length(row.input, length, prefix_size), row.state) << row.what;
    EXPECT_EQ(length, row.length) << row.what;
    EXPECT_EQ(prefix_size, row.prefix_size) << row.what;
  }
}

TEST(FrameDecoder, WholeFramesAreFoundInPlace) {
  const std::string stream = frame("one") + frame(std::string(300, '2')) + frame("3");
  BufferRef block = Buffer::allocate(stream.size());
  std::memcpy(block->data(), stream.data(), stream.size());
  FrameDecoder decoder;
  Input in{Bytes(block->data(), stream.size()), block.get()};

  FrameView view;
  for (const size_t offset : {1u, 6u, 307u}) {
    ASSERT_EQ(decoder.next(in, kMax, view), Next::kFrame);
    EXPECT_EQ(view.bytes.data(), block->data() + offset);
    EXPECT_EQ(view.owner, block.get());
    EXPECT_FALSE(decoder.has_partial());
    EXPECT_EQ(decoder.held_bytes(), 0u);
  }
  EXPECT_EQ(decoder.next(in, kMax, view), Next::kNeedMore);
  EXPECT_EQ(decoder.held_bytes(), 0u);
  EXPECT_EQ(block->references(), 1u);
}

TEST(FrameDecoder, EveryCutIntoThreePiecesGivesTheSameFrames) {
  const std::vector<std::string> sent = {"a", std::string(130, 'b'), "", "cc", std::string(20, 'd'), "e"};
  std::string stream;
  std::vector<std::string> expected;
  for (const std::string& body : sent) {
    if (body.empty()) {
      stream += "\x82\x80\x80\x80\x00"s + "zz";  // a prefix of five bytes where one would do
      expected.emplace_back("zz");
    } else {
      stream += frame(body);
      expected.push_back(body);
    }
  }
  for (size_t first = 0; first <= stream.size(); ++first) {
    for (size_t second = first; second <= stream.size(); ++second) {
      FrameDecoder decoder;
      std::vector<std::string> got;
      const Bytes whole = stream;
      for (const Bytes piece : {whole.substr(0, first), whole.substr(first, second - first), whole.substr(second)}) {
        Next end;
        for (std::string& body : drain_piece(decoder, piece, end)) got.push_back(std::move(body));
        ASSERT_EQ(end, Next::kNeedMore);
      }
      ASSERT_EQ(got, expected) << "cut at " << first << " and " << second;
      ASSERT_FALSE(decoder.has_partial());
    }
  }
}

TEST(FrameDecoder, ByteByByte) {
  const std::string stream = frame("hello") + frame(std::string(10'000, 'x')) + frame("bye");
  FrameDecoder decoder;
  std::vector<std::string> got;
  for (size_t at = 0; at < stream.size(); ++at) {
    Next end;
    for (std::string& body : drain_piece(decoder, Bytes(stream).substr(at, 1), end)) got.push_back(std::move(body));
    ASSERT_EQ(end, Next::kNeedMore);
  }
  EXPECT_EQ(got, (std::vector<std::string>{"hello", std::string(10'000, 'x'), "bye"}));
}

TEST(FrameDecoder, BrokenLengths) {
  const struct {
    const char* what;
    std::string stream;
    Next end;
  } kRows[] = {
      {"zero", "\x00"s, Next::kBadLength},
      {"zero in two bytes", "\x80\x00"s, Next::kBadLength},
      {"over five bytes", "\x80\x80\x80\x80\x80\x01", Next::kBadLength},
      {"five bytes with more to come", "\xFF\xFF\xFF\xFF\xFF", Next::kBadLength},
      {"one over the maximum, nothing of it there", "\x81\x08", Next::kTooLarge},
      {"32 GiB", "\xFF\xFF\xFF\xFF\x7F", Next::kTooLarge},
      {"one over the maximum, all of it there", frame(std::string(1025, 'x')), Next::kTooLarge},
  };
  for (const auto& row : kRows) {
    const std::string stream = frame("good") + row.stream;
    for (size_t cut = 0; cut <= stream.size(); ++cut) {
      FrameDecoder decoder;
      std::vector<std::string> got;
      Next end;
      for (std::string& body : drain_piece(decoder, Bytes(stream).substr(0, cut), end, 1024)) got.push_back(body);
      if (end == Next::kNeedMore) {
        for (std::string& body : drain_piece(decoder, Bytes(stream).substr(cut), end, 1024)) got.push_back(body);
      }
      EXPECT_EQ(end, row.end) << row.what << ", cut at " << cut;
      EXPECT_EQ(got, std::vector<std::string>{"good"}) << row.what << ", cut at " << cut;
    }
  }
}

TEST(FrameDecoder, TheMaximumItselfIsAllowedAndMayChange) {
  FrameDecoder decoder;
  Next end;
  EXPECT_EQ(drain_piece(decoder, frame(std::string(16, 'x')), end, 16).size(), 1u);
  EXPECT_EQ(end, Next::kNeedMore);
  // The session opens between two reads, and a larger maximum holds for the frame that has begun.
  const std::string stream = frame(std::string(17, 'x'));
  EXPECT_EQ(drain_piece(decoder, Bytes(stream).substr(0, 3), end, 17).size(), 0u);
  EXPECT_EQ(drain_piece(decoder, Bytes(stream).substr(3), end, 17).size(), 1u);
}

TEST(FrameDecoder, HoldsABlockOnlyWhileAFrameIsUnfinished) {
  const std::string stream = frame(std::string(100, 'x')) + frame("next");
  FrameDecoder decoder;
  Input in{Bytes(stream).substr(0, 50)};
  FrameView view;
  ASSERT_EQ(decoder.next(in, kMax, view), Next::kNeedMore);
  EXPECT_TRUE(decoder.has_partial());
  in.rest = Bytes(stream).substr(50);
  ASSERT_EQ(decoder.next(in, kMax, view), Next::kFrame);
  EXPECT_FALSE(decoder.has_partial());
  ASSERT_NE(view.owner, nullptr);
  const BufferRef kept(view.owner);
  const Bytes kept_bytes = view.bytes;
  EXPECT_EQ(kept->references(), 2u);

  // The next one is found in the input, and the decoder lets the block go.
  ASSERT_EQ(decoder.next(in, kMax, view), Next::kFrame);
  EXPECT_EQ(view.bytes, "next");
  EXPECT_EQ(view.bytes.data(), stream.data() + stream.size() - 4);
  EXPECT_EQ(view.owner, nullptr);
  EXPECT_EQ(kept->references(), 1u);
  EXPECT_EQ(kept_bytes, std::string(100, 'x'));
}

TEST(FrameDecoder, SavingNothingHoldsNothing) {
  const std::string stream = frame("in two reads");
  FrameDecoder decoder;
  FrameView view;
  Input in{Bytes(stream).substr(0, 4)};
  ASSERT_EQ(decoder.next(in, kMax, view), Next::kNeedMore);
  in.rest = Bytes(stream).substr(4);
  ASSERT_EQ(decoder.next(in, kMax, view), Next::kFrame);
  EXPECT_GT(decoder.held_bytes(), 0u);
  decoder.save(in);
  EXPECT_EQ(decoder.held_bytes(), 0u);
  EXPECT_FALSE(decoder.has_partial());
}

TEST(FrameDecoder, AKeptFrameIsNotOverwritten) {
  FrameDecoder decoder;
  std::vector<std::pair<BufferRef, Bytes>> kept;
  std::string stream;
  for (int number = 0; number < 50; ++number) stream += frame(std::string(static_cast<size_t>(number) + 1, 'a'));
  for (size_t at = 0; at < stream.size(); at += 7) {
    const std::string piece = stream.substr(at, 7);
    Input in{piece};
    FrameView view;
    while (decoder.next(in, kMax, view) == Next::kFrame) {
      if (view.owner != nullptr) kept.emplace_back(view.owner, view.bytes);
    }
    if (at % 3 == 0) {
      Input none;
      decoder.save(none);
    }
  }
  ASSERT_GT(kept.size(), 40u);
  for (const auto& [block, bytes] : kept) {
    EXPECT_EQ(block->references(), 1u);
    EXPECT_EQ(bytes, std::string(bytes.size(), 'a'));
  }
}

TEST(FrameDecoder, AllocatesByWhatArrivedAndNotByWhatWasTold) {
  const std::string body(900'000, 'x');
  const std::string stream = frame(body);
  FrameDecoder decoder;
  size_t received = 0;
  size_t piece = 1;
  FrameView view;
  while (received < stream.size()) {
    Input in{Bytes(stream).substr(received, piece)};
    received += in.rest.size();
    const Next end = decoder.next(in, kMax, view);
    EXPECT_LE(decoder.held_bytes(), 2 * received + kFrameGrowthBytes) << "after " << received;
    EXPECT_LE(decoder.held_bytes(), stream.size());
    ASSERT_EQ(end, received == stream.size() ? Next::kFrame : Next::kNeedMore);
    piece = piece < 60'000 ? piece * 2 : piece;
  }
  EXPECT_EQ(view.bytes, body);
  Input none;
  EXPECT_EQ(decoder.next(none, kMax, view), Next::kNeedMore);
  EXPECT_EQ(decoder.held_bytes(), 0u);
}

TEST(FrameDecoder, SavesWhatMayNotBeDecodedNow) {
  const std::string stream = frame("1") + frame("22") + frame("333") + frame(std::string(500, '4')) + frame("5");
  // Stop after each number of frames, with the read cut at each place; then take frames again without new input.
  for (size_t cut = 0; cut <= stream.size(); ++cut) {
    for (size_t before = 0; before <= 5; ++before) {
      FrameDecoder decoder;
      std::vector<std::string> got;
      {
        const std::vector<char> exact(stream.begin(), stream.begin() + static_cast<ptrdiff_t>(cut));
        Input in{Bytes(exact.data(), exact.size())};
        FrameView view;
        while (got.size() < before && decoder.next(in, kMax, view) == Next::kFrame) got.emplace_back(view.bytes);
        decoder.save(in);
        EXPECT_TRUE(in.rest.empty());
      }
      {
        // More may come before decoding goes on.
        const std::vector<char> exact(stream.begin() + static_cast<ptrdiff_t>(cut), stream.end());
        Input in{Bytes(exact.data(), exact.size())};
        if (cut % 2 == 0) decoder.save(in);
        Next end;
        for (std::string& body : drain(decoder, in, end)) got.push_back(std::move(body));
        EXPECT_EQ(end, Next::kNeedMore);
      }
      ASSERT_EQ(got, (std::vector<std::string>{"1", "22", "333", std::string(500, '4'), "5"}))
          << "cut at " << cut << ", saved after " << before;
      ASSERT_FALSE(decoder.has_partial());
    }
  }
}

TEST(FrameDecoder, ALeftOverBeginningDoesNotHoldWhatWasSavedBeforeIt) {
  const std::string stream = frame(std::string(60'000, 'x')) + frame("abc").substr(0, 2);
  FrameDecoder decoder;
  Input in{stream};
  decoder.save(in);
  FrameView view;
  ASSERT_EQ(decoder.next(in, kMax, view), Next::kFrame);
  const BufferRef large(view.owner);
  EXPECT_EQ(large->references(), 2u);
  ASSERT_EQ(decoder.next(in, kMax, view), Next::kNeedMore);
  EXPECT_EQ(large->references(), 1u);
  EXPECT_LE(decoder.held_bytes(), 4u);
  in.rest = "bc";
  ASSERT_EQ(decoder.next(in, kMax, view), Next::kFrame);
  EXPECT_EQ(view.bytes, "abc");
}

TEST(FrameDecoder, AFrameThatCannotBeProcessedNowComesAgain) {
  // The second of these frames has a longer prefix than it needs.
  const std::string stream = frame("1") + "\x82\x80\x00"s + "22" + frame("3");
  for (size_t cut = 0; cut <= stream.size(); ++cut) {
    for (const bool saved_between : {false, true}) {
      FrameDecoder decoder;
      std::vector<std::string> got;
      for (const std::string& piece : {stream.substr(0, cut), stream.substr(cut)}) {
        Input in{piece};
        FrameView view;
        while (decoder.next(in, kMax, view) == Next::kFrame) {
          const std::string body(view.bytes);
          decoder.put_back(in, view);
          if (saved_between) decoder.save(in);
          ASSERT_EQ(decoder.next(in, kMax, view), Next::kFrame);
          ASSERT_EQ(view.bytes, body);
          got.push_back(body);
        }
      }
      EXPECT_EQ(got, (std::vector<std::string>{"1", "22", "3"})) << "cut at " << cut;
      EXPECT_FALSE(decoder.has_partial());
    }
  }
}

TEST(FrameDecoder, MovesWithItsSavedBytes) {
  const std::string stream = frame("to another shard");
  FrameDecoder lobby;
  Input in{Bytes(stream).substr(0, 5)};
  FrameView view;
  ASSERT_EQ(lobby.next(in, kMax, view), Next::kNeedMore);
  FrameDecoder home = std::move(lobby);
  in.rest = Bytes(stream).substr(5);
  ASSERT_EQ(home.next(in, kMax, view), Next::kFrame);
  EXPECT_EQ(view.bytes, "to another shard");
}

// One random life of a connection: pieces of any size, frames put back, decoding stopped and taken up again.
void random_life(uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string stream;
  std::vector<std::string> expected;
  for (uint64_t frames = random() % 20; frames != 0; --frames) {
    const size_t size = 1 + (random() % 4 == 0 ? random() % 20'000 : random() % 200);
    expected.emplace_back(size, static_cast<char>('a' + random() % 26));
    stream += frame(expected.back());
  }
  FrameDecoder decoder;
  std::vector<std::string> got;
  std::vector<std::pair<BufferRef, Bytes>> kept;
  size_t at = 0;
  while (at < stream.size()) {
    const size_t size = random() % 3 == 0 ? random() % 5 : random() % 5'000;
    const std::string piece = stream.substr(at, size);
    at += piece.size();
    Input in{piece};
    FrameView view;
    while (decoder.next(in, kMax, view) == Next::kFrame) {
      if (random() % 8 == 0) {
        decoder.put_back(in, view);
        break;
      }
      got.emplace_back(view.bytes);
      if (view.owner != nullptr && random() % 2 == 0) kept.emplace_back(view.owner, view.bytes);
    }
    decoder.save(in);
  }
  Input none;
  Next end;
  for (std::string& body : drain(decoder, none, end)) got.push_back(std::move(body));
  ASSERT_EQ(got, expected) << "seed " << seed;
  EXPECT_FALSE(decoder.has_partial());
  for (const auto& [block, bytes] : kept) {
    EXPECT_EQ(bytes, std::string(bytes.size(), bytes.front())) << "seed " << seed;
    EXPECT_GE(block->references(), 1u);
  }
}

TEST(FrameDecoder, RandomLives) {
  for (uint64_t seed = 1; seed <= 2'000; ++seed) random_life(seed);
}

}  // namespace
}  // namespace onehop::core
