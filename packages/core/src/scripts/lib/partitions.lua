-- In which partition a job lives: as partitionOf of @escapement/redis, by CRC16 (XMODEM) of its id, as Redis Cluster has it. After lib/outbox.lua.

do
  local partitions, found = tonumber(arg.partitions), {}
  local band, xor, shift = bit.band, bit.bxor, bit.lshift

  function outbox.partition_of(id)
    if found[id] then return found[id] end
    local crc = 0
    for i = 1, #id do
      crc = xor(crc, shift(string.byte(id, i), 8))
      for _ = 1, 8 do
        crc = shift(crc, 1)
        if band(crc, 0x10000) ~= 0 then crc = xor(crc, 0x11021) end
      end
    end
    found[id] = crc % 16384 % partitions
    return found[id]
  end

  -- What an edge has behind it: the partition of its other end, if that is not where `job` lives.
  function outbox.place_of(job, other)
    if partitions == 1 or outbox.partition_of(job) == outbox.partition_of(other) then return '' end
    return ' ' .. outbox.partition_of(other)
  end
end
