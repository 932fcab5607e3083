-- The slot of a text in Redis Cluster, were it a whole key: CRC16 (XMODEM), as partitionOf of @escapement/redis has it. After lib/calls.lua.

do
  local CRC = { [0] = 0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6, 0x70e7, 0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef }

  function step.slot_of(text)
    local crc, xor, left, right = 0, bit.bxor, bit.lshift, bit.rshift
    for i = 1, #text do
      local byte = string.byte(text, i)
      crc = xor(left(crc, 4) % 65536, CRC[xor(right(crc, 12), right(byte, 4))])
      crc = xor(left(crc, 4) % 65536, CRC[xor(right(crc, 12), byte % 16)])
    end
    return crc % 16384
  end
end
