// The stamp is field `from` as protobuf writes it, for names of every length.
#include "core/wire/name_stamp.h"

#include <gtest/gtest.h>

#include <utility>

#include "onehop/v1/onehop.pb.h"

namespace onehop::core {
namespace {

TEST(NameStamp, IsTheFieldThatProtobufWrites) {
  for (size_t size = 1; size <= 255; ++size) {
    const std::string name(size, 'n');
    v1::Message message;
    message.set_from(name);
    const NameStamp stamp(name);
    EXPECT_EQ(stamp.stamp(), message.SerializeAsString());
    EXPECT_EQ(stamp.name(), name);
  }
}

TEST(NameStamp, Moves) {
  for (const size_t size : {size_t{1}, size_t{27}, size_t{28}, size_t{200}}) {
    const std::string name(size, 'x');
    NameStamp first{Bytes(name)};
    NameStamp second(std::move(first));
    EXPECT_EQ(second.name(), name);
    NameStamp third(Bytes("a name that is longer than what fits inside"));
    third = std::move(second);
    EXPECT_EQ(third.name(), name);
    third = NameStamp("short");
    EXPECT_EQ(third.name(), "short");
  }
}

}  // namespace
}  // namespace onehop::core
