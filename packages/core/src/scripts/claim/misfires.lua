local settled = {} -- job -> whether its misfires need another look

-- Whether fire times of a job have passed that the leader has yet to write: those that were written are settled together with them.
local function is_behind(job)
  local cursor = redis.call('ZSCORE', key.due, job) or redis.call('ZSCORE', key.frozen, job)
  return cursor and tonumber(cursor) <= now
end

-- What becomes of a run by its job's catch-up: nil: it may start; 'missed': it is not made up for; 'held': until the leader has caught up.
local function misfire_of(run, job, record)
  if not record.grace or now - fire_time_of(run) <= record.grace then
    if settled[job] ~= nil and not redis.call('ZSCORE', key.unstarted, run) then return 'missed' end
    return nil
  end
  if settled[job] == nil then
    if is_behind(job) then return 'held' end
    settled[job] = settle_misfires(job, record, now)
  end
  while redis.call('ZSCORE', key.unstarted, run) do
    if not settled[job] then return nil end
    settled[job] = settle_misfires(job, record, now)
  end
  return 'missed'
end
