local settled = {} -- job -> whether its misfires need another look

-- Whether a run is not made up for, by its job's catch-up.
local function is_missed(run, job, record)
  if not record.grace or now - fire_time_of(run) <= record.grace then
    return settled[job] ~= nil and not redis.call('ZSCORE', key.unstarted, run)
  end
  if settled[job] == nil then settled[job] = settle_misfires(job, record, now) end
  while redis.call('ZSCORE', key.unstarted, run) do
    if not settled[job] then return false end
    settled[job] = settle_misfires(job, record, now)
  end
  return true
end
