-- Places have come for runs of this partition that wait for some.
function lending.wake(count, now)
  local name = string.match(arg.scope, '^key:(.+)$')
  if name then
    for _ = 1, math.min(count, 100) do admit(name) end
    flush_lanes()
  end
  publish(int(now))
end
