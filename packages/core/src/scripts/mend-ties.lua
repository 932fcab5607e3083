-- Puts right what this partition or another one has lost, with the last writes of its master, of the edges between the two.
-- `ghosts`: edges of which the other one's definitions say nothing any more; only if nothing was applied that it has told since that was looked at.
-- `lost`: edges of definitions here that the other one does not know.
local now = clock()
if (redis.call('HGET', key.inbox, arg.place) or '0-0') ~= arg.applied then return { int(now), {} } end
step.begin('jobs', 'runs', 'unstarted')
local mended = {}
local function mend(edge, what)
  local subject = string.match(edge, '^.(%S+)')
  mended[#mended + 1] = subject; mended[#mended + 1] = what
  redis.call('HINCRBY', key.mended, what, 1)
  tell('mended ' .. subject .. ' ' .. what)
end
for edge in each(list.ghosts) do
  if redis.call('ZSCORE', key.edges, edge) then
    outbox.take_edge(edge)
    mend(edge, 'was tied to a job that says nothing of it')
  end
end
for edge in each(list.lost) do
  if redis.call('ZSCORE', key.edges, edge) then
    outbox.tell_edge(edge)
    mend(edge, 'is tied to a job that knew nothing of it')
  end
end
retell(now)
if flush_lanes() then publish(int(now)) end
flush_events(now)
return { int(now), mended }
