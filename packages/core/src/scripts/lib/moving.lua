-- Each step of a move names its mark. Who began anew has put its own in place in all partitions: what comes late of another is refused.
local function moved_by_others()
  if redis.call('HGET', key.meta, 'moving') == arg.mark then return nil end
  return refuse('NAMESPACE_MOVING', 'Another process has begun to move the namespace, or has moved it. Nothing more is written by this one.')
end
