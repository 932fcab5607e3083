-- In which partition a job lives: as partitionOf of @escapement/redis. After lib/outbox.lua and lib/slot.lua.

do
  local partitions, found = tonumber(arg.partitions), {}

  function outbox.partition_of(id)
    found[id] = found[id] or step.slot_of(id) % partitions
    return found[id]
  end

  -- What an edge has behind it: the partition of its other end, if that is not where `job` lives.
  function outbox.place_of(job, other)
    if partitions == 1 or outbox.partition_of(job) == outbox.partition_of(other) then return '' end
    return ' ' .. outbox.partition_of(other)
  end
end
