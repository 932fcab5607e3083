-- Whether as many runs as a job's `maxRuns` have started: then no other one does. What was written of it, and its next fire time, go when
-- the last of them has ended: until then it may be handed back.
local function is_exhausted(job, record)
  local most = tonumber(extra(record, 'mr') or nil)
  return most ~= nil and tonumber(redis.call('HGET', key.counts, job) or 0) >= most
end

-- Counts a run of a fire time that starts, for a job with a `maxRuns`.
local function count_run(run, job, record)
  local most = tonumber(extra(record, 'mr') or nil)
  if not most then return end
  if redis.call('HINCRBY', key.counts, job, 1) >= most then redis.call('HSET', key.exhaustion, job, 'full') end
  -- Among the places that it holds, so that it is known to be counted should it be handed back.
  local held = redis.call('HGET', key.holds, run)
  redis.call('HSET', key.holds, run, held and held .. ' counted=1' or 'counted=1')
end
