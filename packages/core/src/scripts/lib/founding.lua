-- The layout and the number of partitions of a namespace: who first writes there settles them, who is set to others is refused; so is everybody
-- while it is being moved to another number.

local founding = redis.call('HMGET', key.meta, 'layout', 'partitions', 'moving')

-- The refusal, or nil. `mover`: the mark of whoever moves it, who is let through.
local function founded_otherwise()
  if founding[3] and founding[3] ~= arg.mover then
    local to = string.match(founding[3], '^%d+')
    return refuse('NAMESPACE_MOVING', 'The namespace is being moved to ' .. to .. ' partitions. Wait until it is; if whoever moves it is gone, do it again: escapement partitions ' .. to .. '.')
  end
  if founding[1] and founding[1] ~= arg.layout then
    return refuse('LAYOUT_MISMATCH', 'The namespace is of layout ' .. founding[1] .. ', this version writes ' .. arg.layout .. '. Run one version, or use another namespace.')
  end
  if founding[2] and founding[2] ~= arg.partitions then
    return refuse('PARTITION_MISMATCH', 'The namespace has ' .. founding[2] .. ' partitions, this process is set to ' .. arg.partitions .. '. Set it to ' .. founding[2] .. '.')
  end
  return nil
end

local function found()
  if not founding[1] then redis.call('HSET', key.meta, 'layout', arg.layout, 'partitions', arg.partitions) end
end
